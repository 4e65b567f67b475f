# Which action follows which: the moves of fleet's core for one host. The ops box plays the record through
# that core, so that it would notice another order.

# following <action> <result> -> action (nothing: the run is over)
following() {
  case $1:$2 in
    check:done) action=stage ;;
    stage:done) action=activate ;;
    activate:done) if reboots; then action=reboot; else action=validate; fi ;;
    validate:done) action=confirm ;;
    confirm:done) action=commit ;;
    activate:* | reboot:* | validate:* | confirm:* | commit:failed) action=revert ;;
    resolve:is-staged) if going_back; then action=withdraw; else action=activate; fi ;;
    resolve:is-armed) if going_back; then action=revert; else action=activate; fi ;;
    resolve:is-trial)
      action=validate
      ! reboots || action=reboot
      ! going_back || action=revert ;;
    resolve:is-confirmed) if going_back; then action=revert; else action=commit; fi ;;
    *) action= ;;
  esac
}

# Did the action that ended last find that the host is to be rebooted?
reboots() {
  lines | grep '"kind":"action_ended"' | tail -n 1 | grep -q '"facts":{"reboot":true'
}

# Do one action after the other until the run is over -> action_done, result
drive() {
  trouble=
  while [ -n "$action" ]; do
    say "$action"
    begun "$action"
    result='done' why='' tail='' facts=''
    "do_$action"
    case $result in failed | inconclusive | stranded) trouble=$why ;; esac
    ended "$action" "$result"
    action_done=$action
    following "$action" "$result"
  done
  case $action_done:$result in
    commit:done) keep installed ;;
    revert:done | resolve:is-reverted) ! grep -qsxF "$run" "$L/installed" || rm -f "$L/installed" ;;
  esac
  rm -f "$L/current"
  close_session
}

# Go on with a run that was left under way; fails when there is none.
take_up() {
  recall current || return 1
  left_at
  note "{\"kind\":\"controller_started\",\"at\":$(now)}"
  case $last_kind:$last_action in
    operator_asked:*) action=revert ;;
    action_begun:activate | action_begun:reboot | action_begun:validate | action_begun:confirm | action_begun:revert) action=resolve ;;
    action_begun:*) action=$last_action ;;
    action_ended:*) following "$last_action" "$last_result" ;;
    *) action=check ;;
  esac
  say "going on with run $run"
  action_done=$last_action result=$last_result why=
  [ -z "$action" ] || find_moving
}

install() {
  if take_up; then
    drive
    # A run that a power cut ended goes back by itself; then this one is its repetition.
    [ "$action_done:$result" = resolve:is-reverted ] || { outcome; return; }
    say 'it has gone back by itself; beginning anew'
  fi
  new_run
  action=check
  drive
  outcome
}

back() {
  if take_up; then
    drive
    ! going_back || { outcome; return; }
  fi
  recall installed || die 2 'this medium has installed nothing here that could go back'
  find_moving
  keep current
  note "{\"kind\":\"operator_asked\",\"at\":$(now),\"request\":\"rollback\",\"by\":\"$(who)\"}"
  action=revert
  drive
  outcome
}

# Say how it ended -> code
outcome() {
  code=2
  why=$(plain "$why")
  case $action_done:$result in
    commit:done) code=0; say 'done: the release is active, proved and committed' ;;
    check:already) code=0; say 'done: it was there already, and is proved' ;;
    revert:done | resolve:is-reverted) say 'this host went back to what it had before' ;;
    revert:* | resolve:stranded) say "this host needs a person: $why" ;;
    *) say "nothing was changed: $why" ;;
  esac
}
