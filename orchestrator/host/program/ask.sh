# Operations that change nothing.

do_ping() {
  answer ok ''
}

# One value of a KEY=value file -> V.
value_in() {
  V=
  [ -r "$1" ] || return 0
  while IFS='=:' read -r key V; do
    [ "$key" != "$2" ] || break
    V=
  done <"$1"
  V=${V#\"} V=${V%\"}
  # shellcheck disable=SC2086
  set -- $V
  V=${1-}
}

do_facts() {
  clock
  value_in /etc/os-release ID && put os "$V"
  value_in /etc/os-release VERSION_ID && put os_version "$V"
  read -r V </proc/sys/kernel/osrelease && put kernel "$V"
  put arch "$(uname -m)"
  read -r V </proc/sys/kernel/hostname && put hostname "$V"
  put user "$(id -un 2>/dev/null)"
  raw uid "$(id -u)"
  value_in /proc/meminfo MemTotal && raw memory_kib "${V:-null}"
  value_in /proc/meminfo MemAvailable && raw memory_available_kib "${V:-null}"
  raw uptime "$up"
  boot && put boot_id "$boot_id"
  raw epoch "$now"
  if [ -d /run/systemd/system ]; then init=systemd; elif [ -d /run/openrc ]; then init=openrc; else init=other; fi
  put init "$init"
  have=
  for tool in zstd xz python3 perl systemctl flock ssh-keygen curl wget nc; do
    ! command -v $tool >/dev/null || have="$have $tool"
  done
  words tools "$have"
  case $(zstd -H 2>/dev/null) in *--patch-from*) raw zstd_patch true ;; *) raw zstd_patch false ;; esac
  missing
  words missing "$lack"
  answer ok ''
}

# What this program needs and the host has not -> lack.
missing() {
  lack=
  for tool in awk base64 cat chmod cp date dd df find grep gzip head ln mkdir mv readlink rm sed \
    setsid sha256sum sleep sort stat sync tail tar tr; do
    command -v $tool >/dev/null || lack="$lack $tool"
  done
  # shellcheck disable=SC2224
  mv -T / 2>&1 | grep -q 'invalid option' || return 0
  command -v python3 >/dev/null || command -v perl >/dev/null || lack="$lack mv(-T)"
}

boot() {
  boot_id=
  read -r boot_id </proc/sys/kernel/random/boot_id || :
}

do_probe() {
  places
  need_manifest
  clock
  places_now
  completes
  load_trial
  put_or_null active "$active"
  put_or_null previous "$previous"
  words releases "$complete"
  describe_trial
  describe_triggers
  describe_last
  describe_lock
  describe_seen
  describe_golden
  describe_part
  prove_active
  answer ok ''
}

describe_trial() {
  armed || { raw trial null; return 0; }
  got_there=false
  ! has_done activated "$trial_nonce" || got_there=true
  J="$J,\"trial\":{\"remaining\":$remaining,\"activated\":$got_there,\"boots\":$(count_lines "$S/boots")"
  guarded "$trial_nonce" && raw guarded true || raw guarded false
  [ -n "$trial_confirmed" ] && raw confirmed true || raw confirmed false
  [ -n "$trial_reboot" ] && [ "$boot_id" = "$trial_boot" ] && raw reboot true || raw reboot false
  load_hook
  put boot_hook "$hook_kind"
  put nonce "$trial_nonce"
  put run "$trial_run"
  put release "$trial_release"
  put from "$trial_from"
  J="$J}"
}

describe_last() {
  [ -n "$last_nonce" ] || { raw last null; return 0; }
  J="$J,\"last\":{\"epoch\":$last_epoch"
  put nonce "$last_nonce"
  put run "$last_run"
  put from "$last_from"
  put to "$last_to"
  put outcome "$last_outcome"
  put reason "$last_reason"
  J="$J}"
}

describe_lock() {
  load_lock
  owned || { raw lock null; return 0; }
  J="$J,\"lock\":{\"token\":$lock_token,\"expires_in\":$((lock_expires - now))"
  put owner "$lock_owner"
  put run "$lock_run"
  J="$J}"
}

# How much of a payload arrived before its transfer was broken off.
describe_part() {
  set +f
  for part in "$S"/incoming/*.part; do break; done
  set -f
  [ -f "$part" ] || { raw part null; return 0; }
  J="$J,\"part\":{\"size\":$(stat -c %s "$part")"
  part=${part##*/}
  put sha256 "${part%.part}"
  J="$J}"
}

do_check() {
  is_number "${a_timeout:=60}" || answer error "not a number of seconds: $a_timeout"
  run_script "${a_env-}$NL${a_script-}" "$a_timeout" "${a_in:-/}"
  put tail "$tail"
  outcome "$a_timeout"
  case $timed$code in
    00) answer ok "$reason" ;;
    01) answer no "$last" ;;
    021) answer not-yet "$last" ;;
    *) answer unknown "$reason" ;;
  esac
}

do_history() {
  places
  is_number "${a_lines:=100}" || answer error "not a number: $a_lines"
  entries=
  [ ! -f "$S/history.jsonl" ] || entries=$(tail -n "$a_lines" "$S/history.jsonl" | grep '^{"t":.*}$' | tr '\n' ,)
  raw entries "[${entries%,}]"
  answer ok ''
}
