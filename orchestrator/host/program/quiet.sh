# Data at rest: what writes to it is stopped, and started again whatever becomes of us.
#   thaw   what starts it again, and which paths are being swapped; there only while it is at rest

# still <paths> [<aside>] [<release>] [1]: stop what writes. The paths, a line each, are to be swapped:
# if a release is named, only while that is active; with 1, back to what an earlier swap put aside.
still() {
  [ -n "${a_freeze-}${a_thaw-}$1" ] || return 0
  boot
  calm_env=${a_data_env-${a_env-}}
  at_rest_for '' "${2-}" "${3-}" "${4-}" && minded || { rm -f "$S/thaw"; reason="cannot write in $S: is the disk full?"; return 1; }
  point thaw_written
  # Not before all has stopped does anybody swap.
  if calm freeze "${a_freeze-}" "$calm_env" "$a_hook_timeout"; then
    point frozen
    [ -z "$1" ] || at_rest_for "$@" || reason="cannot write in $S: is the disk full?"
    point quiet
    [ -n "$reason" ] || return 0
  fi
  stopping=$reason
  calm thaw "${a_thaw-}" "$calm_env" "$a_hook_timeout" || stopping="$stopping; $reason"
  rm -f "$S/thaw"
  reason=$stopping
  return 1
}

at_rest_for() {
  reason='' T=''
  note thaw_text "${a_thaw-}"
  note thaw_env "$calm_env"
  note thaw_timeout "$a_hook_timeout"
  note thaw_freeze "${a_freeze-}"
  note thaw_boot "$boot_id"
  note thaw_swaps "$1"
  note thaw_old "${2:-$now-$own_pid}"
  note thaw_active "${3-}"
  note thaw_back "${4-}"
  write_durably "$S/thaw" "$T"
}

# Did someone leave the data at rest?
at_rest() {
  [ -f "$S/thaw" ]
}

# Start it again, once all that is to be swapped is swapped.
moving_again() {
  at_rest || return 0
  load_thaw
  set_going
}

set_going() {
  if may_swap; then
    over_paths swap "$thaw_swaps" || { reason="the data cannot be swapped: is the file system read-only?"; return 1; }
    [ -n "$thaw_active" ] || over_paths drop_new "$thaw_swaps"
  fi
  point swapped
  calm thaw "$thaw_text" "$thaw_env" "$thaw_timeout"
  calmed=$?
  rm -f "$S/thaw"
  return $calmed
}

load_thaw() {
  thaw_freeze='' thaw_boot='' thaw_active='' thaw_back=''
  load thaw
}

may_swap() {
  [ -n "$thaw_swaps" ] && { [ -z "$thaw_active" ] || [ "$(readlink "$P/current")" = "releases/$thaw_active" ]; }
}

# calm <name> <text> <env> <seconds>: run text of the plan -> reason, when it fails.
calm() {
  [ -n "$2" ] || return 0
  run_as_holder "$3$NL$2" "$4" /
  [ "$timed$code" != 00 ] || return 0
  outcome "$4"
  reason="$1: $reason"
  return 1
}

# Start the minder, and know that it lives.
minded() {
  keep_program || return 1
  ready=$( ( setsid sh "$S/program" minder "$a_package" "$a_root" "$a_state" "$own_pid" "$own_start" \
    </dev/null 2>/dev/null 3<&- 4>&- 8<&- & ) )
  [ "$ready" = minding ]
}

# Wait for the end of the operation that stops something, and start that again if it has not.
minder() {
  mortal='minder ' op=minder id=0 J='' payload=0 highest=0
  a_package=$1 a_root=$2 a_state=$3 a_run=minder about=
  P=$a_root/$a_package S=$a_state/$a_package
  know_self
  echo minding
  exec >/dev/null
  cd /
  while started "$4" && [ "$start" = "$5" ]; do nap 1; done
  patience=999999
  claim w
  wake
  rm -f "$S/busy"
}

# Start again what an operation that was ended had stopped, and finish what it had begun.
wake() {
  at_rest || return 0
  clock
  boot
  load_thaw
  reason=
  if [ "$thaw_boot" = "$boot_id" ] || still_after_boot; then set_going || :; fi
  esc "$reason"
  history thaw "$op" ",\"reason\":$E"
}

# A boot has started what writes, and who knows how long ago: what was not begun is not done any more.
still_after_boot() {
  if [ -z "$thaw_active" ] && over_paths is_untouched "$thaw_swaps"; then
    over_paths drop_new "$thaw_swaps"
    thaw_swaps='' reason='bringing data back was broken off, and nothing was replaced'
  fi
  ! may_swap || calm freeze "$thaw_freeze" "$thaw_env" "$thaw_timeout"
}

is_untouched() {
  beside "$1"
  [ -e "$B/new$1" ] && [ ! -e "$B/$thaw_old" ]
}

# A path is swapped by two renames: what is there is put aside, what was unpacked takes its place. The
# same two lead back.
beside() {
  B=${1%/*}/.${1##*/}.fleet
}

swap() {
  beside "$1"
  coming=$B/new$1 going=$B/$thaw_old
  if [ "$thaw_back" = 1 ]; then
    coming=$going going=$B/new$1
    mkdir -p "${going%/*}" || return
  fi
  [ -e "$coming" ] || [ -L "$coming" ] || return 0
  if [ -e "$1" ] && [ ! -e "$going" ]; then rename_over "$1" "$going" || return; fi
  point moved_aside
  rename_over "$coming" "$1" && flush "${1%/*}/"
}
