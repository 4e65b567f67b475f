# What arrives: a small payload is unpacked as it comes; any other is spooled first, so that a broken
# transfer can go on where it ended.

# On which terms the payload comes; refuses those that are none.
terms() {
  case ${a_means:=gzip} in
    gzip | xz | zstd | zstd-patch | bsdiff) ;;
    *) answer error "no such means: $a_means" ;;
  esac
  case ${a_sha256:=} in
    *[!0-9a-f]*) answer error "not a sha256: $a_sha256" ;;
    '') ! patched || answer error "a patch must be spooled" ;;
  esac
  is_number "${a_offset:=0}" || answer error "not a number of bytes: $a_offset"
  is_number "${a_spool_kib:=0}" || answer error "not a number of KiB: $a_spool_kib"
  I=$S/incoming part=$S/incoming/$a_sha256.part
}

patched() {
  case $a_means in zstd-patch | bsdiff) ;; *) return 1 ;; esac
}

# Is there room for the release, and for the spool? Without the latter, full content is unpacked as
# it comes, and a patch is not taken.
room() {
  [ "$a_need_kib" != 0 ] || return 0
  space "$P"
  [ "${free:-$a_need_kib}" -ge "$a_need_kib" ] ||
    leave no "$a_need_kib KiB are needed on the file system of $place, and $free KiB are free"
  [ -n "$a_sha256" ] || return 0
  total=$a_spool_kib disk_of_releases=$disk
  space "$S"
  [ "$disk" != "$disk_of_releases" ] || total=$((total + a_need_kib))
  [ "${free:-$total}" -lt "$total" ] || return 0
  rm -rf "$I"
  if patched || [ "$a_offset" != 0 ]; then
    leave lacks "$total KiB are needed on the file system of $place, and $free KiB are free"
  fi
  a_sha256=
}

# Where a folder's file system is, and how much of it is free -> place, disk, free (KiB, or nothing).
space() {
  place=$1
  while [ ! -d "$place" ]; do place=${place%/*} place=${place:-/}; done
  # shellcheck disable=SC2046
  set -- $(df -Pk "$place" 2>/dev/null | tail -n 1)
  disk=${1-}:${6-} free=${4-}
  is_number "$free" || free=
}

cut_short() {
  space "$P"
  leave failed "the content did not arrive whole: is the disk full, or the connection slow or cut? ${free:-unknown} KiB are free on the file system of $place, of $a_need_kib KiB that were needed"
}

# Add what comes to what is there already; whatever happens, all of its bytes are read.
spool() {
  size=$payload payload=0
  # shellcheck disable=SC2174
  mkdir -p -m 700 "$I" && find "$I" -type f ! -name "$a_sha256.part" -exec rm -f {} +
  there=0
  [ ! -f "$part" ] || there=$(stat -c %s "$part")
  [ "$there" -lt "$a_offset" ] || dd if=/dev/null of="$part" bs=1 seek="$a_offset" 2>/dev/null
  head -c "$size" <&3 | {
    cat >>"$part"
    written=$?
    cat >/dev/null
    exit $written
  } && [ "$(stat -c %s "$part")" = $((a_offset + size)) ] || short_of "$there"
  point spooled
  [ "$(sha256sum <"$part")" = "$a_sha256  -" ] || distrust "the content that arrived is damaged"
}

# What is there stays for the next try, unless the host has less of it than was thought.
short_of() {
  [ "$1" -ge "$a_offset" ] || distrust "the host has less of the content than was thought"
  cut_short
}

distrust() {
  rm -rf "$I"
  leave lacks "$1"
}

# Turn the payload into files of the current folder; whatever happens, all of its bytes are read.
unpack() {
  if [ -n "$a_sha256" ]; then
    rebuild
    rm -rf "$I"
  elif [ "$payload" != 0 ]; then
    size=$payload payload=0
    head -c "$size" <&3 | {
      undo | tar -xpof - 2>/dev/null
      unpacked=$?
      cat >/dev/null
      exit $unpacked
    } || cut_short
  fi
}
