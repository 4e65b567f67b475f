# Bringing data back from a backup: proved, unpacked beside what is there, then swapped by renames.
# Beside a path a/b lies a/.b.fleet: new/, what is unpacked; <time>-<n>, what a restore took away.

do_restore() {
  b=${a_backup-}
  carried_asked
  places
  data_asked
  enter
  load_trial
  places_now
  ! armed || leave no "a trial of $trial_release is on"
  take_carried
  about "$b" || leave no "there is no backup $b in $D"
  data_holds
  within=
  over_paths bring_beside "$paths"
  [ -n "$within" ] || leave no "the backup $b has none of the declared paths"
  point data_unpacked
  sync
  still "${within%"$NL"}" || refuse_data failed "the data was not restored: $reason"
  moving_again || leave failed "restoring the data: $reason"
  olds=
  over_paths clear_away "${within%"$NL"}"
  describe_backup
  put restored "${within%"$NL"}"
  put old "${olds%"$NL"}"
  free_lock
  leave ok ''
}

# Is the archive what was written, of nothing but the declared paths? -> unpacker
data_holds() {
  [ "$(sha256sum <"$archive")" = "$about_sha256  -" ] || leave no "the backup $b is damaged: its hash is not the one recorded"
  unpacks "${archive##*.}"
  foreign=$( { printf '%s\n' "$paths" | sed 's/^/=./'; $unpacker "$archive" 2>/dev/null | tar -tf - 2>/dev/null || echo '?'; } | awk '
    !begun && /^=/ { own[substr($0, 2)]; next }
    {
      begun = 1
      sub(/\/$/, "")
      if (("/" $0 "/") !~ /\/\.\.\//) for (q in own) if ($0 == q || index($0, q "/") == 1) next
      print
      exit
    }')
  [ "$foreign" != '?' ] || leave no "the backup $b cannot be unpacked"
  [ -z "$foreign" ] || leave no "the backup $b has what is not declared as data: $foreign"
}

# What unpacks an archive of the kind $1? -> unpacker
unpacks() {
  unpacker='gzip -dc'
  [ "$1" = zst ] || return 0
  unpacker='zstd -dqc'
  command -v zstd >/dev/null || leave no "the backup $b needs zstd, which the host lacks: install it"
}

# Unpack one path beside where it belongs -> within: those that the backup has, a line each.
bring_beside() {
  in_backup "$1" || return 0
  [ ! -L "$1" ] || refuse_data no "the data at $1 is a link"
  beside "$1"
  above=${1%/*}/
  mkdir -p "$above" 2>/dev/null
  [ ! -e "$1" ] || [ "$(stat -c %d "$1")" = "$(stat -c %d "$above")" ] ||
    refuse_data no "a file system is mounted at $1, which cannot be swapped: declare the folders in it"
  discard "$B/new"
  drop_olds
  space "$above"
  [ "${free:-$about_kib}" -ge "$about_kib" ] ||
    refuse_data no "$about_kib KiB are needed on the file system of $place, and $free KiB are free"
  within=$within$1$NL
  # shellcheck disable=SC2174
  mkdir -p -m 700 "$B" "$B/new" && $unpacker "$archive" 2>/dev/null | tar -xpf - -C "$B/new" ".$1" 2>/dev/null ||
    refuse_data failed "the data could not be unpacked beside $1: is the disk full?"
  stays_inside "$B/new$1" "$1" && linked_inside "$B/new$1" || refuse_data no "the backup $b was refused: $why"
}

# Of what earlier restores took away, only the newest stays.
drop_olds() {
  for old in $(ls "$B" 2>/dev/null | grep '^[0-9]*-[0-9]*$' | sort -n | sed '$d'); do discard "$B/$old"; done
}

refuse_data() {
  over_paths drop_new "${within%"$NL"}"
  leave "$@"
}

drop_new() {
  beside "$1"
  discard "$B/new"
  rmdir "$B" 2>/dev/null || :
}

clear_away() {
  drop_new "$1"
  [ ! -e "$B/$thaw_old" ] || olds=$olds$B/$thaw_old$NL
}

# Does no link, and no device, in the tree $1, which stands for the path $2, lead out of the data? Else why.
stays_inside() {
  why=
  [ ! -L "$1" ] || { why="$2 is a link"; return 1; }
  [ -d "$1" ] || [ -f "$1" ] || { why="$2 is neither a file nor a folder"; return 1; }
  stray=$( [ -d "$1" ] && { printf '%s\n' "$paths" | sed 's/^/=/'; cd "$1" && links; } | awk -v base="$2" '
    function out(link, target,   n, i, k, part, stack, full, named) {
      if (target !~ /^\//) {
        n = split(base "/" link, part, "/")
        for (i = 2; i < n; i++) stack[++k] = part[i]
      }
      n = split(target, part, "/")
      for (i = 1; i <= n; i++) {
        if (part[i] == "" || part[i] == ".") continue
        if (part[i] != "..") { stack[++k] = part[i]; named = 1 }
        else if (named || !k--) return 1
      }
      for (i = 1; i <= k; i++) full = full "/" stack[i]
      for (i in own) if (full == i || index(full, i "/") == 1) return 0
      return 1
    }
    !begun && /^=/ { own[substr($0, 2)]; next }
    { begun = 1 }
    /^>/ && link != "" { if (out(link, substr($0, 2))) { print link; exit } link = ""; next }
    link != "" || !/^\.\// { print; exit }
    { link = substr($0, 3) }')
  [ -z "$stray" ] || { why="the link $stray leads out of the declared paths"; return 1; }
  stray=$(find "$1" \( -type b -o -type c \) -print | head -n 1)
  [ -z "$stray" ] || { why="it holds a device: $stray"; return 1; }
  stray=$(find "$1" -type f -perm -4000 -print | head -n 1)
  [ -z "$stray" ] || { why="it holds a program that runs as its owner: $stray"; return 1; }
}

# Each link below the current folder: "./<path>", then ">target".
links() {
  find . -type l -printf '%p\n>%l\n' 2>/dev/null && return
  find . -type l -print | while IFS= read -r link; do printf '%s\n>%s\n' "$link" "$(readlink "$link")"; done
}

# Is every name of a file with several names in the tree $1? Else why.
linked_inside() {
  stray=$(find "$1" -type f -links +1 -exec stat -c '%i %h' {} + | awk '
    { names[$1]++; all[$1] = $2 }
    END { for (i in names) if (names[i] != all[i]) { print i; exit } }')
  [ -z "$stray" ] || { why="a hard link leads out of it"; return 1; }
}
