# Staging: lay a release down beside the active one, whole or not at all.

do_stage() {
  is_number "${a_bytes-}" || answer error "not a number of bytes: ${a_bytes-}"
  payload=$a_bytes
  places
  need_manifest
  is_number "${a_need_kib:=0}" || answer error "not a number of KiB: $a_need_kib"
  terms
  need_hook_timeout
  [ -z "${a_pre_stage-}${a_post_stage-}" ] || need_nonce
  enter
  load_trial
  weigh_drift
  places_now
  ! armed || [ "$trial_release" != "$a_release" ] || active=$a_release
  once_staging pre_stage no
  point pre_staged
  already_there
  room
  [ -z "$a_sha256" ] || spool
  [ -z "${a_post_stage-}" ] || echo "staging $a_nonce${NL}pre_stage $a_nonce" >"$S/progress"
  point before_clearing
  put_aside
  point cleared
  mkdir -p "$R" "$P/shared" 2>/dev/null && cd "$R" || leave failed "cannot make $R: is the disk full, or not writable by this user?"
  point folder_made
  unpack
  point received
  inspect
  point inspected
  refuse_conflicts
  fill
  keep_changes
  point filled
  proof "$R" "$a_manifest"
  [ -z "$why" ] || lacking
  count_kinds
  settle_drift
  seal || leave failed "cannot write $R/.fleet/complete: is the disk full?"
  put signature "$signature"
  once_staging post_stage
  point post_staged
  leave ok ''
}

# A complete and proved release is left alone, and the active one in any case.
already_there() {
  is_complete "$a_release" || [ "$active" = "$a_release" ] || return 0
  proof "$R" "$a_manifest"
  if [ -z "$why" ] && is_complete "$a_release" && verified && keeps_as_told; then
    settle_drift
    raw received 0
    raw reused 0
    put signature "$signature"
    once_staging post_stage
    leave ok 'already staged'
  fi
  [ "$active" != "$a_release" ] || leave no "the active release is never written to, and it differs: $why"
}

# Make the folder's place empty: what never was complete is removed; a complete release that no
# longer is what it was is kept in backups.
put_aside() {
  if is_complete "$a_release"; then
    mkdir -p "$S/backups" && mv "$R" "$S/backups/$now-$a_release" ||
      leave failed "cannot keep the damaged $R in $S/backups"
  elif [ -e "$R" ]; then
    discard "$R" || leave failed "cannot remove the incomplete $R"
  fi
}

discard() {
  rm -rf "$1" 2>/dev/null || { chmod -R u+rwX "$1"; rm -rf "$1"; } 2>/dev/null
}

# Nothing of what arrived is used before its manifest, signature and listing are known to be good.
inspect() {
  why=
  chain "$a_manifest" || { patched && leave lacks "the patch did not give the release: $why"; leave failed "the release was refused: $why"; }
  verified || leave failed "the release was refused: $why"
}

# Complete the content from other releases, then folders, links and modes.
fill() {
  completes
  others=
  for other in $complete; do
    [ ! -f "../$other/.fleet/listing" ] || others="$others other=$other ../$other/.fleet/listing"
  done
  # shellcheck disable=SC2086
  work=$(scan | plan pass=1 .fleet/listing pass=2 - pass=3 $others)
  case $work in
    '!bad '*) leave failed "the release was refused: its listing is unusable: ${work#!bad }" ;;
  esac
  eval "$(printf '%s\n' "$work" | sed -n 's/^> //p')" 2>/dev/null
}

# copy <folder> <path>…: bring files from another release to the same paths here.
copy() {
  there=$1
  shift
  tar -cf - -C "$there" "$@" | tar -xpof -
}

# take <file> <path>: bring one file from another release, at another path.
take() {
  [ -f "$2" ] || [ ! -f "$1" ] || [ -L "$1" ] || cp "$1" "$2"
}

# What is to be done so that the current folder becomes its listing: "> <command>" to run,
# "=<received> <reused>" in files.
plan() {
  awk "$AWK_LISTING$AWK_SCAN"'
    function run(command) { print "> " command }
    function gather(what, p) {
      batch[what] = batch[what] " " quoted("./" p)
      if (length(batch[what]) > 50000) spill(what)
    }
    function spill(what) { if (batch[what] != "") run(what batch[what]); batch[what] = "" }
    function spill_all(   what) { for (what in batch) spill(what) }
    function plain(p) { return !is_odd(p) }
    pass == 1 { entry($0); next }
    !judged {
      whole()
      judged = 1
      for (i = 1; i <= entries; i++) if (kind[order[i]] == "f") wanted[sha[order[i]]] = 1
    }
    pass == 2 && /^>/ { next }
    pass == 2 {
      seen($0)
      p = seen_path
      if ((p in sha) && seen_type == "f" && seen_size == size[p]) there[p] = seen_mode
      next
    }
    {
      p = split_line($0)
      if (!/^f / || p == "" || !(new_sha in wanted)) next
      if ((p in sha) && sha[p] == new_sha && plain(p)) { same[p] = other; same_mode[p] = new_mode }
      somewhere[new_sha] = "../" other "/" p
    }
    END {
      if (broken) exit 1
      if (!judged) whole()
      for (i = 1; i <= entries; i++) {
        p = order[i]
        if (kind[p] == "d") implied[p] = 1
        if (kind[p] == "s" && p ~ /\//) shared[parent(p)] = 1
      }
      for (p in implied) gather("mkdir -p --", p)
      for (p in shared) gather("mkdir -p --", "../../shared/" p)
      spill_all()
      for (i = 1; i <= entries; i++) {
        p = order[i]
        if (kind[p] == "f") {
          files++
          if (!(p in there)) {
            if (p in same) {
              gather("copy ../" same[p], p)
              there[p] = same_mode[p]
            } else if (sha[p] in somewhere) {
              run("take " quoted(somewhere[sha[p]]) " " quoted("./" p))
              there[p] = -1
            } else continue
            reused++
          }
          if (there[p] != mode[p]) late[p] = 1
        } else if (p in target) run("ln -s -- " quoted(target[p]) " " quoted("./" p))
      }
      spill_all()
      for (p in late) gather("chmod " mode[p] " --", p)
      spill_all()
      for (p in mode) if (kind[p] == "d") gather("chmod " mode[p] " --", p)
      spill_all()
      print "=" files - reused " " reused + 0
    }' "$@"
}

count_kinds() {
  counts=${work##*=}
  raw received "${counts%% *}"
  raw reused "${counts##* }"
}

lacking() {
  list=$(printf '%s\n' "$found" | awk "$AWK_JSON"'
    { p = substr($0, index($0, " ") + 1); gsub(/%0A/, "\n", p); gsub(/%25/, "%", p) }
    NR <= 20 { printf "%s\"%s\"", (NR > 1 ? "," : ""), json(p) }')
  raw lacks "[$list]"
  leave lacks "$why"
}

# Everything on disk first, the mark that says so last.
seal() {
  sync -f . 2>/dev/null || sync
  point flushed
  write_durably .fleet/complete "$now $a_manifest" || return 1
  point sealed
}
