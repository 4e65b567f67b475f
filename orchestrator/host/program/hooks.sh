# Hooks: what runs around the phases of a package, and what they see.

# What hooks see. In a revert, from and to are those of the way back.
export_for_hooks() {
  FLEET_PACKAGE=$a_package FLEET_ROOT=$a_root FLEET_STATE=$a_state
  FLEET_SHARED=$P/shared FLEET_CURRENT=$P/current
  FLEET_RELEASE=$P/releases/$1 FLEET_FROM=$2 FLEET_TO=$3 FLEET_RUN=$4 FLEET_WAVE=$5 FLEET_NONCE=$6
  export FLEET_PACKAGE FLEET_ROOT FLEET_STATE FLEET_SHARED FLEET_CURRENT FLEET_RELEASE FLEET_FROM \
    FLEET_TO FLEET_RUN FLEET_WAVE FLEET_NONCE
}

# hook <name> <text> <env> <seconds>: run it in the release's folder; fails with reason and tail.
hook() {
  [ -n "$2" ] || return 0
  place=$FLEET_RELEASE
  [ -d "$place" ] || place=/
  run_script "$3$NL$2" "$4" "$place"
  [ "$timed$code" != 00 ] || return 0
  outcome "$4"
  reason="$1: $reason"
}

# Has the trial with this nonce got this far?
has_done() {
  [ -f "$S/progress" ] && grep -qxF "$1 $2" "$S/progress"
}

# Run a hook that this trial has not yet seen succeed.
once() {
  ! has_done "$1" "$a_nonce" || return 0
  eval "text=\${a_$1-}"
  [ -n "$text" ] || return 0
  hook "$1" "$text" "${a_env-}" "$a_hook_timeout"
  [ "$timed$code" = 00 ] || hook_failed "$1"
  printf '%s %s\n' "$1" "$a_nonce" >>"$S/progress"
}

hook_failed() {
  put hook "$1"
  put tail "$tail"
  leave failed "$reason"
}

try_hook() {
  eval "text=\${undo_$1-}"
  [ -n "$text" ] || return 0
  hook "$1" "$text" "$undo_env" "$undo_timeout"
  [ "$timed$code" = 00 ] || complaint=$reason complaint_tail=$tail
}
