# Local changes on their way into a new release, or into backups; run in the new release's folder.

# A path that the new release manages, and the active one does not, must not hide what lies there.
refuse_conflicts() {
  [ -n "$extras" ] || return 0
  tests=$(printf '%s\n' "$extras" | awk "$AWK_LISTING"'
    pass == 1 { entry($0); next }
    !judged { whole(); judged = 1 }
    {
      p = substr($0, 8)
      if (!(p in kind) && !(p in implied)) next
      k = (p in kind) ? kind[p] : "d"
      print "odd " k " \047\047 \047" sha[p] "\047 " quoted(target[p]) " " quoted(p) " " word(p)
    }' pass=1 .fleet/listing pass=2 - | grep '^odd ')
  [ -n "$tests" ] || return 0
  found=$(cd "$P/releases/$active" && eval "$tests")
  [ -n "$found" ] || return 0
  list_found modified 20 conflicts
  names=$(printf '%s\n' "$found" | sed 's/^[^ ]* //;5q' | tr '\n' ' ')
  leave no "the new release has files where the active one has unmanaged ones of other content: ${names% }; move them away"
}

# What the release in the current folder is to keep of the active one's changes: lines of .fleet/kept,
# or "!odd <path>" for what cannot be kept.
keeping() {
  [ -n "$drift" ] && [ -n "${a_keep_paths-}" ] || return 0
  eval "$({ printf '%s\n' "$a_keep_paths" | sed 's/^/=/'; printf '%s\n' "$drift"; } | awk "$AWK_LISTING"'
    pass == 1 { entry($0); next }
    !judged { whole(); judged = 1 }
    /^=/ { told[substr($0, 2)] = 1; next }
    {
      p = substr($0, index($0, " ") + 1)
      if (!(p in told) || !(p in kind) && !(p in implied)) next
      k = (p in kind) ? kind[p] : "d"
      if ($1 == "!modified" && k == "f") print "kept_file " quoted(p) " " word(p)
      if ($1 == "!wrong_mode" && k ~ /[fd]/) print "kept_mode " quoted(p) " " word(p)
    }' pass=1 .fleet/listing pass=2 - | grep '^kept_')"
}

kept_file() {
  own=$P/releases/$active/$1 octal=
  [ ! -f "$own" ] || [ -L "$own" ] || octal=$(stat -c %a "$own")
  case $octal in
    '' | ????*) printf '!odd %s\n' "$2" ;;
    *) printf 'f %04d %s %s %s\n' "$octal" "$(stat -c %s "$own")" "$(sha256sum <"$own" | cut -c 1-64)" "$2" ;;
  esac
}

kept_mode() {
  octal=$(stat -c %a "$P/releases/$active/$1")
  case $octal in
    ????*) if [ -d "$P/releases/$active/$1" ]; then octal=${octal#?}; else printf '!odd %s\n' "$2"; return; fi ;;
  esac
  printf 'm %04d %s\n' "$octal" "$2"
}

# Is a release that is already there one that keeps what the request says?
keeps_as_told() {
  [ "$active" != "$a_release" ] || return 0
  own=
  [ ! -f .fleet/kept ] || own=$(cat .fleet/kept)
  [ "$own" = "$(keeping)" ] || { rm -f .fleet/complete; return 1; }
}

keep_changes() {
  rm -f .fleet/kept .fleet/settled
  lines=$(keeping)
  [ -n "$lines" ] || return 0
  case $NL$lines in
    *"$NL!odd "*) leave no "only plain files can be kept: $(printf '%s\n' "$lines" | sed -n 's/^!odd //p' | head -n 5 | tr '\n' ' ')" ;;
  esac
  eval "$(printf '%s\n' "$lines" | awk "$AWK_LISTING"'
    /^m/ { print "chmod " substr($0, 3, 4) " -- " quoted("./" substr($0, 8)); next }
    {
      q = quoted("./" split_line($0))
      print "rm -rf -- " q " && cp -p -- \"$P/releases/$active/\"" q " " q
    }')"
  write .fleet/kept "$lines"
}

# Bytes that the new release does not take over go to backups; and how the active release looks is
# written down, so that it is not activated over later changes.
settle_drift() {
  settled=
  [ -n "$print" ] || { rm -f .fleet/settled; return 0; }
  [ ! -f .fleet/settled ] || read -r settled <.fleet/settled
  [ "$settled" != "$active $print" ] || return 0
  save "$active" "$(lost)" || leave failed "the changed files of $active cannot be kept in $S/backups: is the disk full?"
  write .fleet/settled "$active $print" || leave failed "cannot write $R/.fleet/settled: is the disk full?"
}

lost() {
  drift=$({ [ ! -f .fleet/kept ] || sed -n 's/^f [^ ]* [^ ]* [^ ]* /=/p' .fleet/kept; printf '%s\n' "$drift"; } | awk '
    /^=/ { told[substr($0, 2)] = 1; next }
    $1 == "!modified" && !(substr($0, 11) in told)')
  differing '^!' bring
}

# save <release> <commands>: keep what these bring of a release in backups, all or nothing -> backup
save() {
  backup=$S/backups/$now-$1 own=$P/releases/$1
  [ -n "$2" ] || { backup=; return 0; }
  [ ! -e "$backup" ] || backup=$backup.$own_pid
  unfinished
  mkdir -p "$backup.new" && carry_out "$2" || { unfinished; return 1; }
  { sync -f "$backup.new" 2>/dev/null || sync; } && mv "$backup.new" "$backup"
}

# Lines that end in "|| return" return from here.
carry_out() {
  eval "$1"
}

# Remove the backups that were never whole: on a full disk each try would leave one.
unfinished() {
  set +f
  rm -rf "$S"/backups/*.new
  set -f
}

bring() {
  ( cd "$own" && tar -cf - "$@" ) | tar -xpf - -C "$backup.new" || return
  for saved; do
    [ -e "$backup.new/$saved" ] || [ -L "$backup.new/$saved" ] || return
  done
}
