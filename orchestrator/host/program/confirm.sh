# The good ends of a trial, more time for it, and letting go.

do_confirm() {
  places
  need_manifest
  need_nonce
  enter
  load_trial
  places_now
  if [ "$last_nonce" = "$a_nonce" ]; then
    over_well
  else
    on_ours || leave no "no trial with this nonce is on"
    [ "$remaining" -gt 0 ] || leave no "the trial's deadline has passed"
    [ -z "$trial_reboot" ] || [ "$boot_id" != "$trial_boot" ] || leave no "the host is to reboot first, and has not"
  fi
  not_going_back
  active_and_proved
  if [ "$last_nonce" = "$a_nonce" ] || [ -z "${a_hold-}" ]; then
    conclude_ours confirmed
    dismiss
  else
    hold
  fi
  remember || :
  boot
  put boot_id "$boot_id"
  leave ok ''
}

# The release is confirmed, and waits on trial for those that are committed with it.
hold() {
  is_number "$a_hold" || answer error "not a number of seconds: $a_hold"
  trial_confirmed=$now trial_reboot=
  prolong "$a_hold" || leave failed "$S/trial cannot be written: is the disk full?"
  point held
  guarded "$a_nonce" || guard || leave failed "the watchdog cannot be started"
}

# The trial with this request's nonce ends well, if it has not.
conclude_ours() {
  if [ "$last_nonce" != "$a_nonce" ]; then
    conclude "$1" "$trial_nonce" "$trial_run" "$trial_from" "$trial_release" '' || last_unwritable
  elif [ "$1 $last_outcome" = 'committed confirmed' ]; then
    conclude "$1" "$last_nonce" "$last_run" "$last_from" "$last_to" '' || last_unwritable
  fi
}

last_unwritable() {
  leave failed "$S/last cannot be written: is the disk full?"
}

# Let a trial end later: the run that armed it is still there.
do_renew() {
  places
  need_nonce
  is_number "${a_seconds-}" || answer error "not a number of seconds: ${a_seconds-}"
  enter
  load_trial
  places_now
  if on_ours; then
    [ "$remaining" -gt 0 ] || leave no "the trial's deadline has passed"
    prolong "$a_seconds" || leave failed "$S/trial cannot be written: is the disk full?"
    guarded "$a_nonce" || guard || leave failed "the watchdog cannot be started"
    raw remaining "$remaining"
    leave ok ''
  fi
  [ "$last_nonce" = "$a_nonce" ] || leave no "no trial with this nonce is on"
  over_well
  leave ok 'no trial is on'
}

# The trial with this request's nonce is over; was its release kept?
over_well() {
  case $last_outcome in
    confirmed | committed) ;;
    *) leave no "this trial is over: $last_outcome, $last_reason" ;;
  esac
}

# A way back that has begun may have undone steps already.
not_going_back() {
  ! has_done reverting "$a_nonce" || leave no "this trial is being taken back: revert it, or activate it again"
}

active_and_proved() {
  [ "$active" = "$a_release" ] || leave no "${active:-nothing} is active, not $a_release"
  proof "$R" "$a_manifest"
  [ -z "$why" ] || tolerable || leave no "the active release is damaged: $why"
  keeps_no_more || leave no "the active release is not what was signed: $why"
}

do_commit() {
  places
  need_manifest
  need_nonce
  retention
  enter
  load_trial
  places_now
  ! armed || { on_ours && [ -n "$trial_confirmed" ]; } || leave no "a trial of $trial_release is on"
  [ "$active" = "$a_release" ] || leave no "${active:-nothing} is active, not $a_release"
  armed || [ "$last_nonce" = "$a_nonce" ] || leave no "no trial with this nonce was confirmed"
  armed || over_well
  not_going_back
  conclude_ours committed
  dismiss
  point committed
  remember || leave failed "$S/seen cannot be written: is the disk full?"
  pin_golden || leave failed "$S/factory cannot be written: is the disk full?"
  point pinned
  retire
  trim_history
  finish_hooks
  unlock
  leave ok ''
}

# The other hooks are over: what they left goes.
finish_hooks() {
  undo_nonce=
  load undo
  [ "$undo_nonce" = "$a_nonce" ] || return 0
  export_for_hooks "$undo_release" "$undo_from" "$undo_release" "$undo_run" "$undo_wave" "$undo_nonce"
  clean_up
  point cleaned_up
}

trim_history() {
  [ -z "$(find "$S/history.jsonl" -size +2047)" ] || mv -f "$S/history.jsonl" "$S/history.1.jsonl"
}

do_withdraw() {
  places
  need_release
  enter
  load_trial
  places_now
  ! armed || leave no "a trial of $trial_release is on"
  if [ "$active" != "$a_release" ] && ! is_complete "$a_release" && [ -e "$R" ]; then
    discard "$R" || leave failed "cannot remove $R"
  fi
  rm -rf "$S/incoming"
  point withdrawn
  unlock
  leave ok ''
}
