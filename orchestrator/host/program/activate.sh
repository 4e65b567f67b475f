# Activation: arm the trial, run what comes before, flip, run what comes after.

do_activate() {
  places
  need_manifest
  need_nonce
  is_number "${a_deadline:=300}" || answer error "not a number of seconds: $a_deadline"
  need_hook_timeout
  is_number "${a_ceiling:=0}" && is_number "${a_boots:=0}" && is_number "${a_boot_timeout:=0}" ||
    answer error "not numbers: ceiling $a_ceiling, boots $a_boots, boot_timeout $a_boot_timeout"
  steps_named
  triggers_named
  regain_asked
  enter
  load_trial
  places_now
  may_activate
  ways_down
  fresh=
  if ! armed; then
    fresh=1
    regain
    note_steps && arm || leave no "the trial cannot be written down in $S: is the disk full, or read-only?"
    point armed
  fi
  ! has_done reverting "$a_nonce" || turn
  guarded "$a_nonce" || guard || disarm "the watchdog cannot be started: is setsid there, and is $S writable?"
  load_hook
  [ -n "$hook_kind" ] || [ "${a_need_hook-}" != 1 ] || disarm "$(no_hook)"
  put boot_hook "${hook_kind:-none: ${hook_trouble-}}"
  await_triggers
  point guarded
  boot
  put boot_id "$boot_id"
  put from "$trial_from"
  export_for_hooks "$a_release" "$trial_from" "$a_release" "$a_run" "${a_wave-}" "$a_nonce"
  once pre_activate
  point before_steps
  if [ "${a_back-}" = 1 ]; then lower_steps; else do_steps; fi
  point before_flip
  rest_for_data
  forward || { moving_again; leave failed "current cannot be switched in $P: is the disk full, or read-only?"; }
  point flipped
  regain_now
  announce announced "$trial_from" "$a_release"
  point announced
  once restart
  point restarted
  once post_activate
  want_reboot || leave failed "$S/trial cannot be written: is the disk full?"
  got_done activated
  point activated
  leave ok ''
}

# Is the host to be rebooted: by the request, or because a hook has asked for it? -> reboot
want_reboot() {
  case ${a_reboot-} in
    always) trial_reboot=1 ;;
    if-required) [ ! -e "$S/reboot" ] || trial_reboot=1 ;;
  esac
  if [ -n "$trial_reboot" ] && [ "$boot_id" = "$trial_boot" ]; then raw reboot true; else raw reboot false; fi
  [ -z "$trial_reboot" ] || write_trial
}

steps_named() {
  for step in ${a_steps-}; do
    is_name "$step" || answer error "not a name of a step: $step"
  done
}

may_activate() {
  [ "$last_nonce" != "$a_nonce" ] || over_well
  if armed && [ "$trial_nonce" != "$a_nonce" ]; then
    leave no "a trial of $trial_release by run $trial_run is on, for $remaining s more"
  fi
  ours || leave no "$P/current is not a link to one of our releases: move it away"
  is_complete "$a_release" || leave no "release $a_release is not staged"
  proof "$R" "$a_manifest"
  [ -z "$why" ] || { armed && tolerable; } || leave no "the staged release is damaged: $why"
  keeps_no_more || leave no "the staged release was refused: $why"
  verified || leave no "the staged release was refused: $why"
  put signature "$signature"
  armed || as_settled || leave no "the active release has changed since this one was staged: $why; apply the plan again"
  if [ "$active" = "$a_release" ] && ! armed; then leave ok 'already active'; fi
}

# As if the trial had never been; but not one that an earlier request has begun, which may have switched.
disarm() {
  [ -n "$fresh" ] || leave failed "$1"
  over_paths drop_new "$paths"
  dismiss
  leave no "$1"
}

# The steps that no ledger line tells of, in order. One that is cut off may have been done: going back
# undoes it, where it has a way down. One that says itself that it failed has done nothing.
do_steps() {
  number=0
  for step in ${a_steps-}; do
    number=$((number + 1))
    in_ledger "$step" && continue
    eval "text=\${a_step_up_$number-} way_down=\${a_step_down_$number-}"
    [ -z "$way_down" ] || put_in_doubt "$step" "$a_nonce" || leave failed "the ledger in $S cannot be written"
    point step_begun
    if ! hook "step $step" "$text" "${a_env-}" "$a_hook_timeout"; then
      [ "$timed" = 1 ] || [ "$code" -gt 128 ] || strike "$step" "$a_nonce"
      hook_failed "step $step"
    fi
    enter_in_ledger "$step" "$a_nonce" || leave failed "step $step is done, and the ledger in $S cannot be written"
    point step_done
  done
}

forward() {
  [ "$active" != "$a_release" ] || return 0
  flip previous "$active" || return 1
  point previous_moved
  flip current "$a_release" && flush "$P"
}
