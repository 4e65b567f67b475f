# The way back: by the controller's request, or by the watchdog.

do_revert() {
  places
  need_nonce
  enter
  load_trial
  places_now
  if ! undoable; then
    dismiss
    free_lock
    leave ok "$reason"
  fi
  go_back "${a_why:-asked for by run $a_run}"
  [ "$verdict" != ok ] || free_lock
  leave "$verdict" "$reason"
}

free_lock() {
  [ "${a_release_lock-}" != 1 ] || unlock
}

# Is there something that this nonce may undo? -> undo_*.
undoable() {
  undo_nonce='' undo_drift='' undo_data=
  load undo
  if armed && [ "$trial_nonce" != "$a_nonce" ]; then
    leave no "another trial is on: of $trial_release, by run $trial_run"
  fi
  if armed; then return; fi
  reason='nothing to undo'
  if [ "$last_nonce" = "$a_nonce" ]; then
    reason=$last_reason
    [ "$last_outcome" != reverted ] || return
    [ "$undo_nonce" = "$a_nonce" ] || leave no "what would undo this trial is no longer written down"
    return 0
  fi
  ! grep -hsF '"at":"trial"' "$S/history.jsonl" "$S/history.1.jsonl" | grep -qF "\"nonce\":\"$a_nonce\"" ||
    leave no "another run has activated something else since"
  return 1
}

# Undo what undo_* tells -> verdict, reason.
go_back() {
  back="$undo_from" verdict=ok reason=$1
  rm -f "$S/ballast"
  old_is_whole || { strand "$why"; return; }
  point old_proved
  has_done reverting "$a_nonce" || turn "reverting $a_nonce"
  export_for_hooks "$undo_release" "$undo_release" "$back" "$undo_run" "$undo_wave" "$undo_nonce"
  complaint='' complaint_tail=
  try_hook pre_revert
  point before_undoing_steps
  undo_steps && raise_steps || { strand "$reason" "${tail-}"; return; }
  point steps_undone
  rest_to_return || { strand "$reason"; return; }
  backward || { moving_again; verdict=failed reason="current cannot be switched in $P: is the disk full, or read-only?"; return; }
  point flipped_back
  moving_again || { ! at_rest || { verdict=failed; return; }; complaint=$reason complaint_tail=$tail; }
  announce undo_announced "$undo_release" "$back"
  leave_services
  try_hook restart
  try_hook post_revert
  point hooks_done
  if [ -n "$complaint" ]; then
    strand "the old release is back, but $complaint" "$complaint_tail"
    return
  fi
  clean_up
  point cleaned_up
  reason=$1
  undone reverted "$reason" || { verdict=failed reason="$S/last cannot be written: is the disk full?"; return; }
  keep_returned
  dismiss
}

# Is what was active before still there, whole? Nothing is always whole.
old_is_whole() {
  why=
  [ -n "$back" ] || return 0
  is_name "$back" || { why="no release to go back to: $back"; return 1; }
  about_release "$back"
  if [ -z "$digest" ]; then
    why="the old release $back is gone"
    return 1
  fi
  strictly "$P/releases/$back" "$digest"
  [ -z "$why" ] || as_it_was || { why="the old release $back is damaged: $why"; return 1; }
}

# The down texts of the steps that the trial did, last one first; a step without one stays done.
undo_steps() {
  number=0 reversed=
  for step in $undo_steps; do
    number=$((number + 1))
    reversed="$number:$step $reversed"
  done
  for step in $reversed; do
    eval "text=\${undo_down_${step%%:*}-}"
    step=${step#*:}
    [ -n "$text" ] && did "$step" "$undo_nonce" || continue
    put_in_doubt "$step" "$undo_nonce" || { reason="the ledger in $S cannot be written"; return 1; }
    point step_in_doubt
    hook "step $step, down" "$text" "$undo_env" "$undo_timeout" || return 1
    strike "$step" "$undo_nonce" || { reason="the ledger in $S cannot be written"; return 1; }
    point step_undone
  done
}

backward() {
  if [ "$active" != "$back" ]; then flip current "$back" || return 1; fi
  point current_moved_back
  [ "$previous" = "$undo_previous" ] || flip previous "$undo_previous" || return 1
  [ ! -d "$P" ] || flush "$P"
}

undone() {
  conclude "$1" "$undo_nonce" "$undo_run" "$undo_from" "$undo_release" "$2"
}

# Neither old nor new, or not well: a person is needed. The trial goes on where that cannot be noted.
strand() {
  verdict=stranded reason=$1
  put tail "${2-}"
  if undone stranded "$1"; then dismiss; elif [ "$op" = watchdog ]; then verdict=failed; fi
}
