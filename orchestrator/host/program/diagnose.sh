# What a doctor wants to know beside facts, probe and history; changes nothing.

do_diagnose() {
  case ${a_root-}:${a_state-} in /*:/*) ;; *) answer error "root and state are not absolute paths" ;; esac
  clock
  disks=
  describe_disk root "$a_root"
  describe_disk state "$a_state"
  raw disks "[${disks#,}]"
  find_packages
  words packages "$found"
  [ -z "${a_package-}" ] || describe_package
  answer ok ''
}

# The file system on which a folder lies, or will.
describe_disk() {
  space "$2"
  mount=${disk#*:} kept=$J J=
  put what "$1"
  put folder "$place"
  put mount "$mount"
  raw writable "$(truth [ -w "$place" ])"
  raw read_only "$(truth mounted_ro)"
  # shellcheck disable=SC2046
  set -- $(stat -f -c '%b %a %S %c %d' "$place" 2>/dev/null)
  if [ $# = 5 ]; then
    raw size_kib $(($1 * $3 / 1024))
    raw free_kib $(($2 * $3 / 1024))
    raw inodes "$4"
    raw inodes_free "$5"
  fi
  disks="$disks,{${J#,}}" J=$kept
}

truth() {
  if "$@" 2>/dev/null; then echo true; else echo false; fi
}

mounted_ro() {
  awk -v at="$mount" '$2 == at { ro = "," $4 "," ~ /,ro,/ } END { exit !ro }' /proc/self/mounts
}

# The packages that these folders hold anything of -> found.
find_packages() {
  found=
  set +f
  for trace in "$a_state"/*/history.jsonl "$a_root"/*/releases; do
    name=${trace%/*}
    name=${name##*/}
    [ -e "$trace" ] && is_name "$name" || continue
    case " $found " in *" $name "*) ;; *) found="$found $name" ;; esac
  done
  set -f
}

describe_package() {
  places
  damage=
  for record in lock undo trial last seen; do
    [ ! -f "$S/$record" ] || sound "$record" || damage="$damage $record"
  done
  words damage "$damage"
  case " $damage " in *' lock '* | *' trial '* | *' last '*) ;; *) describe_hold ;; esac
  raw at_work "$(truth at_work)"
  incomplete
  words incomplete "$list"
  describe_services
  describe_backups
}

# Who has the lock, and whether that binds anyone.
describe_hold() {
  load_lock
  load_trial
  [ -n "$lock_run" ] || return 0
  J="$J,\"lock\":{\"expires_in\":$((lock_expires - now)),\"since\":$(stat -c %Y "$S/token" || echo 0)"
  put run "$lock_run"
  put owner "$lock_owner"
  raw binds "$(truth owned)"
  raw lives "$(truth eval '! session_gone')"
  J="$J}"
}

at_work() {
  holder=$(readlink "$S/busy") || return 1
  holder=${holder#?.}
  started "${holder%.*}" && [ "$start" = "${holder#*.}" ]
}

# Releases that were begun and are not whole -> list.
incomplete() {
  list=
  set +f
  for folder in "$P"/releases/*; do
    name=${folder##*/}
    ! is_name "$name" || [ ! -d "$folder" ] || is_complete "$name" || list="$list $name"
  done
  set -f
}

# One service a line in the request.
describe_services() {
  services='' kept=$J words=$IFS
  IFS=$NL
  for service in ${a_services-}; do
    J=
    put name "$service"
    put state "$(service_state "$service")"
    services="$services,{${J#,}}"
  done
  J=$kept IFS=$words
  raw services "[${services#,}]"
}

service_state() {
  if [ -d /run/systemd/system ]; then
    systemctl is-active -- "$1"
    return
  fi
  for manager in rc-service service; do
    command -v $manager >/dev/null || continue
    if $manager "${1%.service}" status >/dev/null 2>&1; then echo active; else echo inactive; fi
    return
  done
  echo unknown
}

# Backups of files that were replaced, and of data.
describe_backups() {
  set +f
  number=0
  for folder in "$S"/backups/[0-9]*; do
    [ ! -d "$folder" ] || number=$((number + 1))
  done
  set -f
  raw backups "$number"
  D=$S/backups/data
  known_backups
  words data_backups "$known"
}
