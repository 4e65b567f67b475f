# Triggers: questions that the watchdog asks again and again once the release is active. One that is
# answered no as many times in a row as its threshold says takes the host back.
#   triggers  what they said last, for those who probe
#   progress  has `answered_<number>` for one that has said yes in this trial

# Are the request's triggers such as can be asked?
triggers_named() {
  number=0
  for trigger in ${a_triggers-}; do
    number=$((number + 1))
    is_name "$trigger" || answer error "not a name of a trigger: $trigger"
    for part in every timeout threshold; do
      eval "value=\${a_trigger_${number}_$part-}"
      is_number "$value" && [ "$value" -gt 0 ] || answer error "trigger $trigger: not a number above 0 for $part: $value"
    done
  done
}

# Add them to the record in T.
note_triggers() {
  note undo_triggers "${a_triggers-}"
  number=0
  for trigger in ${a_triggers-}; do
    number=$((number + 1))
    for part in '' _every _timeout _threshold _after_yes; do
      eval "note undo_trigger_$number$part \"\${a_trigger_$number$part-}\""
    done
  done
}

# Before the flip: which of those that count only once they have said yes say it now?
begin_triggers() {
  [ -n "${undo_triggers-}" ] || return 0
  export_for_hooks "$undo_release" "$undo_from" "$undo_release" "$undo_run" "$undo_wave" "$undo_nonce"
  number=0
  for trigger in $undo_triggers; do
    number=$((number + 1))
    eval "bad_$number=0 said_$number='' reason_$number='' due_$number=0 waits_$number=''"
    about_trigger
    [ -z "$after_yes" ] || has_done activated "$a_nonce" || ! time_is_left || ask_trigger
  done
  record_triggers
}

# Each takes of the trial's time what the next one may not take again.
time_is_left() {
  clock
  armed && [ "$remaining" -gt 0 ]
}

# Wait until they have been asked before the flip; one that is not, cannot fire before it says yes.
await_triggers() {
  [ -n "${a_triggers-}" ] || return 0
  tries=0
  until grep -qsxF "triggers_nonce='$a_nonce'" "$S/triggers"; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || return 0
    nap 0.1
  done
}

# Has one fired? Asks those that are due -> why.
fired() {
  why='' number=0
  ripe || return 1
  for trigger in $undo_triggers; do
    number=$((number + 1))
    eval "due=\$due_$number"
    [ "$due" -le "$up" ] || continue
    on_trial && [ "$remaining" -gt 0 ] || return 1
    about_trigger
    eval "due_$number=$((up + every))"
    ask_trigger
    count_answer
    record_triggers
    [ -z "$why" ] || return 0
  done
  return 1
}

# Are there triggers, and did the activation run to its end?
ripe() {
  [ -n "${undo_triggers-}" ] && has_done activated "$a_nonce"
}

# Shorten `pause` to what is left until one is due.
next_due() {
  [ -n "${undo_triggers-}" ] || return 0
  ripe || { pause=1; return; }
  number=0
  for trigger in $undo_triggers; do
    number=$((number + 1))
    eval "due=\$due_$number"
    [ $((due - up)) -ge "$pause" ] || pause=$((due > up ? due - up : 1))
  done
}

about_trigger() {
  eval "text=\$undo_trigger_$number every=\$undo_trigger_${number}_every"
  eval "within=\$undo_trigger_${number}_timeout threshold=\$undo_trigger_${number}_threshold"
  eval "after_yes=\$undo_trigger_${number}_after_yes bad=\$bad_$number waits=\$waits_$number"
}

# Ask trigger <number> once, not beyond the trial's end -> said, reason.
ask_trigger() {
  given=$((within < remaining ? within : remaining))
  run_script "$undo_env$NL$text" "$given" "$FLEET_RELEASE"
  outcome "$given"
  case $timed$code in
    00) said=yes ;;
    01) said=no reason=$last ;;
    021) said=not-yet reason=$last ;;
    1*) said=no; [ "$given" = "$within" ] || said=unknown ;;
    *) said=unknown ;;
  esac
  if [ -n "$after_yes" ] && ! has_done "answered_$number" "$a_nonce"; then
    case $said in
      yes) got_done "answered_$number" ;;
      no) said=unknown reason="$reason, and did not before" ;;
    esac
  fi
}

# Count the answer; not yet is a no when it has been said for as long as a trial lasts -> why.
count_answer() {
  clock
  case $said in
    yes) bad=0 waits= ;;
    not-yet)
      [ -n "$waits" ] || waits=$up
      [ $((up - waits)) -lt "$undo_deadline" ] || said=no ;;
  esac
  [ "$said" != no ] || bad=$((bad + 1))
  eval "bad_$number=$bad waits_$number=$waits said_$number=$said reason_$number=\$reason"
  [ "$bad" -lt "$threshold" ] || why="trigger $trigger: $reason ($bad of $threshold)"
}

record_triggers() {
  T='' entry=0
  note triggers_nonce "$a_nonce"
  note triggers_names "$undo_triggers"
  for name in $undo_triggers; do
    entry=$((entry + 1))
    eval "note triggers_state_$entry \"\$bad_$entry \$undo_trigger_${entry}_threshold \$said_$entry\""
    eval "note triggers_reason_$entry \"\$reason_$entry\""
  done
  write "$S/triggers" "$T"
}

# What the triggers of the newest trial said last.
describe_triggers() {
  triggers_nonce='' triggers_names='' told='' number=0
  load triggers
  [ "$triggers_nonce" = "${trial_nonce:-$last_nonce}" ] || triggers_names=
  for trigger in $triggers_names; do
    number=$((number + 1))
    eval "state=\$triggers_state_$number reason=\$triggers_reason_$number"
    # shellcheck disable=SC2086
    set -- $state
    esc "$reason"
    told="$told,{\"name\":\"$trigger\",\"bad\":$1,\"threshold\":$2,\"last\":\"${3-}\",\"reason\":$E}"
  done
  raw triggers "[${told#,}]"
}
