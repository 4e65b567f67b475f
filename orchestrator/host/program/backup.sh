# Backups of the data that a plan declares. In <state>/<package>/backups/data:
#   <time>-<release>.tar.zst, .tar.gz   an archive, of mode 0600; it is there only when it is whole
#   <time>-<release>.about              its hash, size and paths, and who made it

do_backup() {
  places
  data_asked
  retention
  enter
  load_trial
  places_now
  ! by_this_run || backed_up ''
  found_data
  [ -n "$there" ] || backed_up 'none of the declared paths is there'
  data_fits
  still '' || leave failed "$reason"
  pack
  settled=$reason
  moving_again || leave failed "${settled:-the backup $b is made}, but $reason"
  [ -z "$settled" ] || leave failed "$settled"
  retire_data
  backed_up ''
}

# What the request says of data -> D, paths (lines).
data_asked() {
  is_number "${a_hook_timeout:=120}" || answer error "not a number of seconds: $a_hook_timeout"
  D=$S/backups/data paths=${a_paths-}
  [ -n "$paths" ] || answer error "no paths of data"
  over_paths is_data_path "$paths"
}

# over_paths <command> <lines>: do it with every path, as long as it succeeds.
over_paths() {
  [ -z "$2" ] || while IFS= read -r path <&8; do
    "$1" "$path" || return
  done 8<<TEXT
$2
TEXT
}

is_data_path() {
  case $1/ in
    [!/]* | */../* | */./* | *//* | *[!\ -~]* | *[]*?[\\]*) answer error "not a path of data: $1" ;;
  esac
  case $P/$NL$S/ in
    "$1"/* | *"$NL$1"/*) answer error "the data at $1 would hold fleet's own folders" ;;
  esac
}

# A run that asks again gets the backup that it has -> b.
by_this_run() {
  set +f
  for archive in "$D"/*.tar.*; do
    b=${archive##*/}
    b=${b%.tar.*}
    if about "$b" && [ "$about_run" = "$a_run" ]; then
      set -f
      return
    fi
  done
  set -f
  b=
  return 1
}

# The record of a backup -> about_*, archive.
about() {
  about_sha256='' about_size=0 about_epoch=0 about_release='' about_kib=0 about_run='' about_owner='' about_paths=''
  is_name "$1" && [ -f "$D/$1.about" ] || return
  IFS= read -r first_line <"$D/$1.about"
  case $first_line in about_sha256=\'*) ;; *) return 1 ;; esac
  # shellcheck disable=SC1090
  . "$D/$1.about"
  archive=$D/$1.tar.gz
  [ -f "$archive" ] || archive=$D/$1.tar.zst
  [ -f "$archive" ]
}

backed_up() {
  if [ -n "$b" ]; then describe_backup; fi
  free_lock
  leave ok "$1"
}

describe_backup() {
  put backup "$b"
  put archive "$archive"
  put sha256 "$about_sha256"
  raw size "$about_size"
}

# The declared paths that are there -> there (lines), members (quoted for eval), kib.
found_data() {
  there='' members='' kib=0
  over_paths look_at_data "$paths"
}

look_at_data() {
  [ ! -L "$1" ] || leave no "the data at $1 is a link: name what it leads to"
  [ -e "$1" ] || return 0
  there=$there$1$NL
  quote ".$1"
  members="$members $Q"
  stays_inside "$1" "$1" || leave no "the data at $1 cannot be backed up: $why; name where it leads to as data too"
  # shellcheck disable=SC2046
  set -- $(du -sk "$1" 2>/dev/null)
  kib=$((kib + ${1:-0}))
}

data_fits() {
  # shellcheck disable=SC2174
  mkdir -p -m 700 "$S/backups" "$D" || leave no "cannot make $D: is the disk full, or read-only?"
  unfinished_data
  space "$D"
  [ "${free:-$kib}" -ge "$kib" ] ||
    leave no "the data takes $kib KiB, and $free KiB are free on the file system of $place"
}

# Remove what a backup that was broken off has left.
unfinished_data() {
  set +f
  rm -f "$D"/*.part "$D"/*.new
  for record in "$D"/*.about; do
    archive=${record%.about}
    [ -f "$archive.tar.gz" ] || [ -f "$archive.tar.zst" ] || rm -f "$record"
  done
  set -f
}

# Make the archive -> b, about_*, archive, and reason when it cannot be.
pack() {
  reason='' b=$now-${active:-none}
  [ ! -f "$D/$b.about" ] || b=$b.$own_pid
  part=$D/$b.part suffix=gz packer='gzip -c'
  ! command -v zstd >/dev/null || suffix=zst packer='zstd -q -c'
  codes=$(umask 077; { { eval "tar -cf - -C / $members" 2>/dev/null; echo $? >&5; } | { $packer >"$part" && echo packed >&5; }; } 5>&1)
  point data_packed
  case $codes in
    "0${NL}packed") keep_archive "$now" "$active" && return ;;
    *packed) reason="the data changed while it was read, or cannot be read: let data.stop name what writes to it" ;;
  esac
  rm -f "$part"
  space "$D"
  reason="the data could not be backed up: ${reason:-is the disk full? $free KiB are free on the file system of $place}"
}

# keep_archive <when> <release>: what was written becomes a backup of that release.
keep_archive() {
  about_sha256=$(sha256sum <"$part") about_size=$(stat -c %s "$part")
  about_sha256=${about_sha256%% *} archive=$D/$b.tar.$suffix
  T=''
  note about_sha256 "$about_sha256"
  note about_size "$about_size"
  note about_epoch "$1"
  note about_release "$2"
  note about_kib "$kib"
  note about_run "$a_run"
  note about_owner "${a_owner-}"
  note about_paths "${there%"$NL"}"
  flush "$part" && write_durably "$D/$b.about" "$T" || return
  point about_written
  mv -f "$part" "$archive" && flush "$D" && point data_kept
}

# Remove backups, oldest first, as backups of local changes are; the newest always stays.
retire_data() {
  surplus=-$((a_backups > 0 ? a_backups : 1))
  known_backups
  for one in $known; do surplus=$((surplus + 1)); done
  for one in $known; do
    [ "$one" != "$b" ] && { [ "$surplus" -gt 0 ] || past "${one%%-*}" "$a_backups_age"; } || continue
    rm -f "$D/$one.tar.gz" "$D/$one.tar.zst" "$D/$one.about"
    surplus=$((surplus - 1))
  done
}

# The names of all backups of data, oldest first -> known.
known_backups() {
  known=
  for one in $(ls "$D" 2>/dev/null | sed -n 's/\.tar\.[a-z]*$//p' | grep '^[0-9]*-' | sort -n); do
    ! is_name "$one" || known="$known $one"
  done
}

do_backups() {
  places
  D=$S/backups/data told=''
  known_backups
  for b in $known; do
    about "$b" || continue
    J=",\"epoch\":$about_epoch,\"kib\":$about_kib"
    describe_backup
    put release "$about_release"
    put by "$about_owner"
    put paths "$about_paths"
    told="$told,{${J#,}}"
  done
  J=''
  raw backups "[${told#,}]"
  answer ok ''
}

# Send an archive as live lines of base64.
do_fetch() {
  places
  D=$S/backups/data b=${a_backup-}
  about "$b" || answer no "there is no backup $b in $D"
  base64 "$archive" | awk -v id="$id" '
    function send() { if (sent != "") print "{\"id\":" id ",\"output\":\"" sent "\"}"; sent = "" }
    { sent = sent $0 }
    NR % 400 == 0 { send() }
    END { send() }'
  describe_backup
  answer ok ''
}
