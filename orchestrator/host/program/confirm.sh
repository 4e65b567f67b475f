# The good ends of a trial, and letting go.

do_confirm() {
  places
  need_manifest
  need_nonce
  enter
  load_trial
  places_now
  if [ "$last_nonce" != "$a_nonce" ]; then
    armed && [ "$trial_nonce" = "$a_nonce" ] || leave no "no trial with this nonce is on"
    [ "$remaining" -gt 0 ] || leave no "the trial's deadline has passed"
  elif [ "$last_outcome" != confirmed ] && [ "$last_outcome" != committed ]; then
    leave no "this trial is over: $last_outcome, $last_reason"
  fi
  active_and_proved
  if [ "$last_nonce" != "$a_nonce" ]; then
    conclude confirmed "$trial_nonce" "$trial_run" "$trial_from" "$trial_release" '' || leave failed "$S/last cannot be written: is the disk full?"
  fi
  rm -f "$S/trial"
  dismiss
  remember || :
  boot
  put boot_id "$boot_id"
  leave ok ''
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
  ! armed || leave no "a trial of $trial_release is on"
  [ "$active" = "$a_release" ] || leave no "${active:-nothing} is active, not $a_release"
  if [ "$last_nonce" = "$a_nonce" ]; then
    case $last_outcome in
      confirmed)
        conclude committed "$last_nonce" "$last_run" "$last_from" "$last_to" '' ||
          leave failed "$S/last cannot be written: is the disk full?" ;;
      committed) ;;
      *) leave no "this trial is over: $last_outcome, $last_reason" ;;
    esac
  fi
  point committed
  remember || leave failed "$S/seen cannot be written: is the disk full?"
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
