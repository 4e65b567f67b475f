# The session: requests come in, one after the other; and the watchdog, which is not in a session.

# Reads requests until the input ends, then ends what still runs for them.
serve() {
  [ -n "${FLEET_DEBUG-}" ] || exec 2>/dev/null
  job=
  while IFS= read -r request; do
    [ -z "$job" ] || wait "$job"
    job=
    if ! is_number "${request%% *}"; then
      printf '{"id":0,"status":"error","reason":"not a request"}\n'
      continue
    fi
    case $request in
      "${request%% *} stage "* | "${request%% *} repair "*) attend 3<&0 </dev/null || break ;;
      *) attend </dev/null & job=$! ;;
    esac
  done
  [ -z "$job" ] || ! started "$job" || end "$job"
}

# Carry one request out in a process of its own, and see to it that it is answered.
attend() {
  # shellcheck disable=SC2119
  ( dispatch ) && return
  id=${request%% *}
  printf '{"id":%s,"status":"failed","reason":"the operation was ended on the host"}\n' "$id"
  return 1
}

# shellcheck disable=SC2120
dispatch() {
  J='' payload=0
  eval "set -- $request"
  id=$1 op=$2
  shift 2
  is_number "$id" || id=0
  for word; do
    case ${word%%=*} in
      '' | *[!a-z_0-9]*) ;;
      *) eval "a_${word%%=*}=\${word#*=}" ;;
    esac
  done
  case $op in
    ping | facts | probe | check | verify | history | stage | activate | confirm | commit | revert | withdraw | repair | enrol | \
      recall | backup | backups | fetch | restore | diagnose | unlock)
      "do_$op" ;;
    *) answer error "no such operation: $op" ;;
  esac
}

# Wait until the trial with this nonce is over or overdue, and in that case go back.
watchdog() {
  mortal='watchdog ' op=watchdog id=0 J='' payload=0 highest=0
  a_package=$1 a_root=$2 a_state=$3 a_nonce=$4
  P=$a_root/$a_package S=$a_state/$a_package
  know_self
  echo "$own_pid $own_start $a_nonce" >"$S/watchdog.new" && mv -f "$S/watchdog.new" "$S/watchdog" || exit 1
  cd /
  load undo
  ! on_trial || begin_triggers
  echo watching
  exec >/dev/null
  while on_trial && [ "$remaining" -gt 0 ] && ! fired; do
    pause=$((remaining < 10 ? remaining : 10))
    next_due
    sleep "$pause"
  done
  on_trial || exit 0
  patience=$((undo_timeout + 10))
  claim w
  on_trial && watch_over || :
  rm -f "$S/busy"
}

on_trial() {
  clock
  load_trial
  [ "$trial_nonce" = "$a_nonce" ] && armed
}

watch_over() {
  [ ! -f "$S/token" ] || read -r highest <"$S/token"
  a_run=$trial_run a_release=$trial_release
  tell_about
  history begin watchdog "$about"
  places_now
  go_back "${why:-no confirmation within $trial_seconds s}"
  # An armed trial keeps other runs out, so the lock is that of the run whose trial is over now.
  [ "$verdict" != ok ] || unlock
  settle "$verdict" "$reason"
}

case ${1-} in
  watchdog | minder) "$@" ;;
  *) serve ;;
esac
