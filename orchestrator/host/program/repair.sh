# Repair: put back what differs in the active release, file by file, each by one rename.
#   .fleet/mend   of the release: what arrived, until it is in its place

do_repair() {
  is_number "${a_bytes-}" || answer error "not a number of bytes: ${a_bytes-}"
  payload=$a_bytes
  places
  need_manifest
  M=
  enter
  load_trial
  places_now
  ! armed || leave no "a trial of $trial_release is on"
  [ "$active" = "$a_release" ] || give_up no "${active:-nothing} is active, not $a_release"
  M=$R/.fleet/mend
  rm -rf "$M"
  mkdir -p "$M" 2>/dev/null && cd "$M" || give_up failed "cannot make $M: is the disk full, or not writable by this user?"
  arrive || give_up failed "the content did not arrive whole: is the disk full?"
  point mend_arrived
  why=
  chain "$a_manifest" || give_up failed "the release was refused: $why"
  verified || give_up failed "the release was refused: $why"
  heads_back || give_up failed "cannot write in $R: is the disk full?"
  point heads_mended
  wrongs
  enough
  keep_wrongs || give_up failed "the changed files cannot be kept in $S/backups: is the disk full?"
  point wrongs_kept
  sync -f "$M" 2>/dev/null || sync
  put_back || give_up failed "cannot write in $R: is the disk full, or a file immutable?"
  point all_mended
  finish_repair
}

give_up() {
  [ -z "$M" ] || rm -rf "$M"
  unlock
  leave "$@"
}

# Unpack the payload; whatever happens, all of its bytes are read.
arrive() {
  size=$payload payload=0
  head -c "$size" <&3 | {
    gzip -dc 2>/dev/null | tar -xpof - 2>/dev/null
    arrived=$?
    cat >/dev/null
    exit $arrived
  }
}

# What differs in the release and is to be put back -> drift. Local changes stay where they are kept;
# but what is gone is put back everywhere, and what stands where a folder should be makes way.
wrongs() {
  cd "$R" || give_up failed "there is no $R"
  strict=1
  found=$(differences '')
  case $found in '!bad '*) give_up failed "the release was refused: its listing is unusable: ${found#!bad }" ;; esac
  drift=$({ printf '%s\n' "${a_keep_paths-}" | sed 's/^/=/'; printf '%s\n' "$found"; } |
    awk -v all="${a_keep_all-}" "$AWK_LISTING"'
      pass == 1 { entry($0); next }
      !judged { whole(); judged = 1 }
      /^=/ { told[substr($0, 2)] = 1; next }
      !/^![mw]/ { next }
      { p = substr($0, index($0, " ") + 1) }
      /^!missing / || !all && !(p in told) { print; next }
      /^!modified / && ((p in implied) || (p in kind) && kind[p] == "d")' pass=1 .fleet/listing pass=2 -)
}

# Did everything arrive that is to be put back? Looked at before a file is touched.
enough() {
  cd "$M" || return
  found=$({ printf '%s\n' "$drift" | sed 's/^!/=/'; differences ''; } | awk "$AWK_LISTING"'
    pass == 1 { entry($0); next }
    /^=m/ { wanted[substr($0, index($0, " ") + 1)] = 1; next }
    /^!m/ { p = substr($0, index($0, " ") + 1); if ((p in wanted) && kind[p] == "f") print "!lacks " p }
    ' pass=1 .fleet/listing pass=2 -)
  cd "$R" || return
  [ -n "$found" ] || return 0
  list_found lacks 20
  give_up lacks "the content of damaged files is missing"
}

# Manifest, signature and listing, each by one rename.
heads_back() {
  for head in listing manifest.sig manifest.json; do
    cp "$M/.fleet/$head" "$R/.fleet/$head.new" && rename_over "$R/.fleet/$head.new" "$R/.fleet/$head" || return
  done
}

# The bytes that are about to be replaced go to backups.
keep_wrongs() {
  save "$a_release" "$(differing '^!modified' bring)"
}

# Put everything back, folders before what lies in them.
put_back() {
  commands=$(printf '%s\n' "$drift" | awk "$AWK_LISTING"'
    function depth(p) { return gsub(/\//, "", p) }
    function folder(p) {
      if (p == "" || (p in made)) return
      made[p] = 1
      folder(parent(p))
      print depth(p) " folder_back " quoted(p)
      print "99999 chmod " ((p in mode) ? mode[p] : 755) " -- " quoted("./" p)
    }
    pass == 1 { entry($0); next }
    !judged { whole(); judged = 1 }
    NF {
      p = substr($0, index($0, " ") + 1)
      folder(parent(p))
      k = (p in kind) ? kind[p] : "d"
      if (k == "d") folder(p)
      else if ($1 == "!wrong_mode") print depth(p) " chmod " mode[p] " -- " quoted("./" p)
      else if (k == "f") print depth(p) " file_back " mode[p] " " quoted(p)
      else print depth(p) " link_back " quoted(target[p]) " " quoted(p)
    }' pass=1 .fleet/listing pass=2 - | sort -n -s -k 1,1 | sed 's/^[0-9]* //;s/$/ || return/')
  eval "$commands"
}

# Make way for what is not a folder: what is there is in backups by now. A link to a folder goes first,
# because not every mv renames over one.
make_way() {
  [ -d "./$1" ] || return 0
  if [ -L "./$1" ]; then rm -f "./$1"; else rm -rf "$M/.aside" && mv "./$1" "$M/.aside"; fi
}

file_back() {
  chmod "$1" "$M/$2" && make_way "$2" && rename_over "$M/$2" "./$2" || return
  point file_mended
}

link_back() {
  rm -rf "$M/.link"
  ln -s -- "$1" "$M/.link" && make_way "$2" && rename_over "$M/.link" "./$2"
}

folder_back() {
  [ -d "./$1" ] && [ ! -L "./$1" ] || { rm -f "./$1" && mkdir "./$1"; }
}

# Forget what is kept no longer, and prove the whole.
finish_repair() {
  if [ -f .fleet/kept ]; then
    lines=$({ printf '%s\n' "$drift" | sed 's/^![^ ]* /=/'; cat .fleet/kept; } | awk "$AWK_LISTING"'
      /^=/ { gone[substr($0, 2)] = 1; next }
      /^m 0[0-7][0-7][0-7] ./ { p = substr($0, 8) }
      !/^m/ { p = /^f/ ? split_line($0) : "" }
      p != "" && !(p in gone)')
    if [ -n "$lines" ]; then write .fleet/kept "$lines"; else rm -f .fleet/kept; fi
  fi
  about_release "$a_release"
  [ "$digest" = "$a_manifest" ] || write_durably .fleet/complete "$now $a_manifest" || give_up failed "cannot write in $R: is the disk full?"
  sync -f . 2>/dev/null || sync
  strict=
  proof "$R" "$a_manifest"
  [ -z "$why" ] || tolerable || give_up failed "the release still differs: $why"
  raw mended "$(printf '%s' "$drift" | grep -c '^!')"
  put backup "$backup"
  rm -rf "$M"
  unlock
  leave ok ''
}
