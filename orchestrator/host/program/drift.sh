# Drift: what differs on the host from what was signed, and what becomes of it.
#   .fleet/kept      of a release: local changes that it has taken over, in lines of a listing, or
#                    "m <mode> <path>"; such a path counts as whole when it is what the line says
#   .fleet/settled   of a staged release: which release it was staged beside, and how that had changed
# A request's lists (keep_paths, overwrite_paths) hold a path a line, written as in a listing.

# When it is set, only files that changed since this time are hashed.
newer=
# When it is set, what a release keeps of local changes counts as changed.
strict=
print=

do_verify() {
  places
  places_now
  : "${a_release:=$active}"
  [ -n "$a_release" ] || answer no "nothing is active"
  need_release
  about_release "$a_release"
  : "${a_manifest:=$digest}"
  [ -z "$a_manifest" ] || need_manifest
  if [ -n "${a_within-}" ]; then
    is_number "$a_within" || answer error "not a number of seconds: $a_within"
    clock
    newer=$((now - a_within))
  fi
  proof "$R" "$a_manifest" extra
  put_or_null active "$active"
  for kind in modified missing extra wrong_mode; do list_found $kind 100; done
  list_kept "$R"
  put proof "$why"
  if [ -n "$why" ] && [ -z "$found" ]; then answer failed "$why"; fi
  answer ok ''
}

# The hash lines in `lines` whose files changed since `newer`.
recent() {
  {
    printf '%s\n\n' "$lines"
    find . -path ./.fleet -prune -o -type f -printf '%C@ %p\n' 2>/dev/null ||
      find . -path ./.fleet -prune -o -type f -exec stat -c '%Z %n' {} +
  } | awk -v since="$newer" '
    !all { if ($0 == "") all = 1; else line[substr($0, 67)] = $0; next }
    $1 >= since { p = substr($0, index($0, " ") + 1); if (p in line) print line[p] }'
}

# list_found <way> <limit> <key>: the paths found to differ in one way, and how many there are.
list_found() {
  list=$(printf '%s\n' "$found" | awk -v way="!$1" -v limit="$2" "$AWK_LISTING$AWK_JSON"'
    $1 == way {
      p = decode(substr($0, length(way) + 2))
      if (++n <= limit) out = out (n > 1 ? "," : "") "\"" json(p) "\""
    }
    END { print n + 0 " [" out "]" }')
  raw "${3:-$1}" "${list#* }"
  raw "${3:-$1}_count" "${list%% *}"
}

# The paths of which a release keeps local changes.
list_kept() {
  list=
  [ ! -f "$1/.fleet/kept" ] || list=$(awk "$AWK_LISTING$AWK_JSON"'
    { p = /^m/ ? substr($0, 8) : split_line($0); if (!(p in told)) out = out ",\"" json(decode(p)) "\""; told[p] = 1 }
    END { print substr(out, 2) }' "$1/.fleet/kept")
  raw kept "[$list]"
}

# Is what is active what was asked for, and in any case what was signed? A glance hashes only what was
# asked for.
prove_active() {
  why='' found='' proved=false
  if [ "$active" = "$a_release" ]; then
    proof "$P/releases/$active" "$a_manifest"
    [ -n "$why" ] || proved=true
  elif [ "${a_glance-}" != 1 ] && is_name "$active"; then
    prove_own
  fi
  describe_drift
  [ "$active" = "$a_release" ] || why="${active:-nothing} is active"
  raw proved $proved
  put proof "$why"
}

# Prove the active release against its own manifest -> why, found; "extra" as in proof.
prove_own() {
  about_release "$active"
  case $digest in
    "${active##*-}"?*) proof "$P/releases/$active" "$digest" "${1-}" ;;
    *) found='' why="it was not laid down completely" ;;
  esac
}

describe_drift() {
  list_kept "$P/releases/$active"
  [ -n "$why" ] || { raw drift null; return 0; }
  listed=true
  [ -n "$found" ] || listed=false
  J="$J,\"drift\":{\"listed\":$listed"
  put reason "$why"
  for kind in modified missing wrong_mode; do list_found $kind 200; done
  J="$J}"
}

# proof, but what is kept of local changes counts as changed.
strictly() {
  strict=1
  proof "$@"
  strict=
}

# How the active release has changed, before another is laid down beside it: refused, unless the
# request says of every path what is to become of it -> drift, extras, print.
weigh_drift() {
  drift='' extras='' print=''
  places_now
  ! armed && [ "$active" != "$a_release" ] && is_name "$active" || return 0
  strict=1
  prove_own extra
  strict=
  extras=$(printf '%s\n' "$found" | grep '^!extra ')
  drift=$(printf '%s\n' "$found" | grep '^![mw]')
  [ -n "$why" ] || return 0
  if [ "${a_overwrite_all-}" != 1 ]; then
    [ -n "$drift" ] && [ -z "$(beyond "${a_keep_paths-}$NL${a_overwrite_paths-}")" ] ||
      leave no "the active release $active has changed: $why"
  fi
  print=$(fingerprint)
}

# What differs in `found` at paths that are not in a list.
beyond() {
  { printf '%s\n' "$1" | sed 's/^/=/'; printf '%s\n' "$found"; } | awk '
    /^=/ { told[substr($0, 2)] = 1; next }
    /^![mw]/ && !(substr($0, index($0, " ") + 1) in told)'
}

# What changed, and how it looks now, as one word; for the release in the current folder.
fingerprint() {
  [ -n "$drift" ] || { echo unlisted; return; }
  { printf '%s\n' "$drift"; eval "$(differing '^!' looks)"; } 2>/dev/null | sha256sum | cut -c 1-64
}

looks() {
  stat -c '%f %s' "$@"
  sha256sum "$@" || :
}

# differing <way> <command>: lines for eval that run a command on the paths in `drift` that differ in
# one way, on no more at a time than a command line may hold.
differing() {
  printf '%s\n' "$drift" | awk -v way="$1" -v command="$2" "$AWK_LISTING"'
    function spill() { if (batch != "") print command batch " || return"; batch = "" }
    $1 ~ way {
      batch = batch " " quoted("./" substr($0, index($0, " ") + 1))
      if (length(batch) > 50000) spill()
    }
    END { spill() }'
}

# Is the active release as it was when this one was staged beside it? -> print
as_settled() {
  print=
  [ "$active" != "$a_release" ] && [ -n "$active" ] || return 0
  strict=1
  prove_own
  strict=
  [ -n "$why" ] || return 0
  drift=$found settled=
  print=$(fingerprint)
  [ ! -f "$R/.fleet/settled" ] || read -r settled <"$R/.fleet/settled"
  [ "$settled" = "$active $print" ]
}

# Does the old release differ just as it did when the trial began?
as_it_was() {
  drift=$found
  [ -n "$drift" ] && [ "${undo_drift-}" = "$(fingerprint)" ]
}

# Does the release in folder R keep no local changes but those that the request lets stay? Else why.
# What is kept is no part of what was signed, so that the host's own record of it proves nothing.
keeps_no_more() {
  [ -f "$R/.fleet/kept" ] && [ "${a_keep_all-}" != 1 ] || return 0
  found=$(sed 's/^f [^ ]* [^ ]* [^ ]* /!modified /;s/^m [^ ]* /!wrong_mode /' "$R/.fleet/kept")
  found=$(beyond "${a_keep_paths-}")
  [ -n "$found" ] || return 0
  tell "$found"
  why="local changes are kept that may not stay: $why"
  return 1
}

# Is all that differs at paths where the host's own bytes are kept?
tolerable() {
  [ -n "$found" ] && ! printf '%s\n' "$found" | grep -q '^!missing ' || return 1
  [ "${a_keep_all-}" = 1 ] || [ -z "$(beyond "${a_keep_paths-}")" ]
}
