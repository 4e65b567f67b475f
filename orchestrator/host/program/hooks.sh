# Hooks: what runs around the phases of a package, and what it sees.
#   progress   what this trial, or staging before it, has got done; a line each: "<hook> <nonce>"

# Keys of a request that brings hooks.
need_hook_timeout() {
  is_number "${a_hook_timeout:=120}" || answer error "not a number of seconds: $a_hook_timeout"
}

# What hooks see. In a revert, from and to are those of the way back.
export_for_hooks() {
  FLEET_PACKAGE=$a_package FLEET_ROOT=$a_root FLEET_STATE=$a_state
  FLEET_SHARED=$P/shared FLEET_CURRENT=$P/current
  FLEET_RELEASE=$P/releases/$1 FLEET_FROM=$2 FLEET_TO=$3 FLEET_RUN=$4 FLEET_WAVE=$5 FLEET_NONCE=$6
  FLEET_REBOOT=$S/reboot
  export FLEET_PACKAGE FLEET_ROOT FLEET_STATE FLEET_SHARED FLEET_CURRENT FLEET_RELEASE FLEET_FROM \
    FLEET_TO FLEET_RUN FLEET_WAVE FLEET_NONCE FLEET_REBOOT
}

# hook <name> <text> <env> <seconds>: run it in the release's folder; fails with reason and tail.
hook() {
  timed=0 code=0
  [ -n "$2" ] || return 0
  export FLEET_HOOK="$1"
  place=$FLEET_RELEASE
  [ -d "$place" ] || place=/
  run_as_holder "$3$NL$2" "$4" "$place"
  [ "$timed$code" != 00 ] || return 0
  outcome "$4"
  reason="$1: $reason"
  return 1
}

# What could not be written down of what this process has got done: a watchdog must not restart
# services again and again while the disk is full.
done_here=

# Has the trial with this nonce got this far?
has_done() {
  case $done_here in *"$NL$1 $2$NL"*) return 0 ;; esac
  [ -f "$S/progress" ] && grep -qxF "$1 $2" "$S/progress"
}
got_done() {
  { printf '%s %s\n' "$1" "$a_nonce" >>"$S/progress"; } 2>/dev/null || done_here="$done_here$NL$1 $a_nonce$NL"
}

# turn [<line>]: the other direction begins, and what the trial had got done in this one counts no more.
# What back.sh has lowered stays.
turn() {
  done_here=
  lowered=$(grep -s '^lowered ' "$S/progress")
  write_durably "$S/progress" "$lowered${lowered:+${1:+$NL}}${1-}" 2>/dev/null && return
  done_here=$NL${1-}$NL
  [ -n "$lowered" ] || rm -f "$S/progress"
}

# once <hook> [<status>]: run a hook that this trial has not yet seen succeed. One that fails ends the
# operation with that status.
once() {
  ! has_done "$1" "$a_nonce" || return 0
  eval "text=\${a_$1-}"
  [ -n "$text" ] || return 0
  hook "$1" "$text" "${a_env-}" "$a_hook_timeout" || hook_failed "$@"
  got_done "$1"
}

hook_failed() {
  put hook "$1"
  put tail "$tail"
  leave "${2-failed}" "$reason"
}

# The same on the way back, where nothing stops: what is wrong -> complaint.
try_hook() {
  ! has_done "undo_$1" "$a_nonce" || return 0
  eval "text=\${undo_$1-}"
  [ -n "$text" ] || return 0
  if hook "$1" "$text" "$undo_env" "$undo_timeout"; then got_done "undo_$1"
  else complaint=$reason complaint_tail=$tail; fi
}

# once_staging <hook> [<status>]: a hook around the laying down of a release that is not yet in use.
once_staging() {
  [ "$active" != "$a_release" ] && [ -n "${a_pre_stage-}${a_post_stage-}" ] || return 0
  export_for_hooks "$a_release" "$active" "$a_release" "$a_run" "${a_wave-}" "$a_nonce"
  # Only what hooks of this run ask for counts.
  has_done staging "$a_nonce" || { rm -f "$S/reboot"; got_done staging; }
  once "$@"
}

# Have removed what the other hooks left. That this fails is told, and changes nothing.
clean_up() {
  complaint=
  try_hook cleanup
  [ -n "$complaint" ] || return 0
  put tail "$complaint_tail"
  put cleanup "$complaint"
  history cleanup "$op" "$about,\"reason\":$E"
}

# Services that other packages name are left to these when they go back after this one: as long as each
# of `left_to`, folders of records, has something to undo, and nobody is at that already.
leave_services() {
  [ -n "${a_left_to-}" ] || return 0
  while IFS= read -r folder; do
    [ "$(S=$folder; still_to_go)" = yes ] || return 0
  done <<TEXT
$a_left_to
TEXT
  undo_restart=${a_restart-}
}

still_to_go() {
  [ ! -L "$S/busy" ] || return 0
  load_trial
  case $trial_nonce/$last_nonce:$last_outcome in
    "$a_nonce"/* | */"$a_nonce:confirmed" | */"$a_nonce:committed") echo yes ;;
  esac
}

# announce <word> <release>…: daemons may watch .fleet/changed, below the package, below `current`, or below
# the release that they were started from.
announce() {
  announced=$1
  ! has_done "$1" "$a_nonce" || return 0
  shift
  { mkdir -p "$P/.fleet" && touch "$P/.fleet/changed"; } 2>/dev/null
  for release; do
    [ -z "$release" ] || touch "$P/releases/$release/.fleet/changed"
  done 2>/dev/null
  got_done "$announced"
}
