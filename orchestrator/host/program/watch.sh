# The watchdog: it takes a host back whose trial is overdue, whoever else is gone.
#   watchdog  its pid, start time and nonce; written over in place, like `spent`
#
# systemd starts it where it runs, and again when it is killed; elsewhere it is detached from the
# session. The boot hook (boot.sh) starts it after each boot of the trial.

# Start the watchdog, and know that it lives before anything is switched.
guard() {
  keep_program || return 1
  point program_written
  hang_hook
  point hook_hung
  # One that was started again for an earlier trial may have been faster than ours.
  guarded "$trial_nonce" || start_by_hook || detach || guarded "$trial_nonce"
}

# The program is what the watchdog runs, also after a power cut.
keep_program() {
  [ -n "$program" ] || return 0
  [ -f "$S/program" ] && [ "$(cat "$S/program")" = "$program" ] || write_durably "$S/program" "$program"
}

start_by_hook() {
  [ "$hook_kind" = systemd ] || return 1
  systemctl start "$hook_name.service" </dev/null >/dev/null 2>&1 || return 1
  tries=0
  until guarded "$trial_nonce"; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || return 1
    nap 0.1
  done
}

# It closes our pipe when it has made its mark; whoever started it does so again until it ends well, or
# there is nothing more to watch.
detach() {
  ready=$( ( setsid sh -c "$RESPAWN" "$S/program" "$a_package" "$a_root" "$a_state" \
    </dev/null 2>/dev/null 3<&- 4>&- & ) )
  [ "$ready" = watching ]
}

# A line each, that may as well be one with `;` between them.
RESPAWN='setsid sh "$0" watchdog "$@" & exec >/dev/null; wait "$!"
until [ "$?" = 0 ] || ! { [ -e "$3/$1/trial" ] || [ -e "$3/$1/watchdog" ]; }
do sleep 1; setsid sh "$0" watchdog "$@"; done'

# Does this trial's watchdog live?
guarded() {
  guard_pid='' guard_start='' guard_nonce=''
  [ ! -f "$S/watchdog" ] || read -r guard_pid guard_start guard_nonce <"$S/watchdog" || :
  [ -n "$guard_pid" ] && started "$guard_pid" && [ "$start" = "$guard_start" ] && [ "$guard_nonce" = "$1" ]
}

# The trial is over: nothing needs to be watched, now or after a boot.
dismiss() {
  take_hook_down
  guarded "$a_nonce" && [ "$op" != watchdog ] || guard_pid=
  # As long as one of these is there, whoever started the watchdog starts it again.
  rm -f "$S/trial" "$S/watchdog"
  [ -z "$guard_pid" ] || end "$guard_pid"
  rm -f "$S/watchdog" "$S/spent" "$S/boots" "$S/ballast"
} 2>/dev/null

# Wait until the trial is over or must end, and in that case go back.
watchdog() {
  mortal='watchdog ' op=watchdog id=0 J='' payload=0 highest=0
  a_package=$1 a_root=$2 a_state=$3
  P=$a_root/$a_package S=$a_state/$a_package
  know_self
  clock
  load_trial
  a_nonce=$trial_nonce
  armed || stand_down
  ! guarded "$a_nonce" || exit 0
  count_boot
  beat
  make_mark || { rm -f "$S/ballast" 2>/dev/null; make_mark; } || ! outlived || yield
  cd /
  load undo
  begin_triggers
  ! guarded "$a_nonce" || echo watching
  exec >/dev/null
  patience=$((undo_timeout + 10))
  until on_trial || stand_down; must_end; do
    beat
    next_due
    [ -n "$guard_pid" ] || pause=1
    nap "$pause"
  done
  while on_trial && end_trial; do nap 10; done
}

make_mark() {
  echo "$own_pid $own_start $a_nonce" 1<>"$S/watchdog"
} 2>/dev/null

# Where no mark can be made: does another watchdog of the package, an older one, live?
outlived() {
  for other in $(watchdogs); do
    ! started "$other" || [ "$start" -ge "$own_start" ] || return 0
  done
  return 1
}

# A shell that only starts one (`sh -c`, of cron) is none.
watchdogs() {
  ( set +f; head -c 4096 /proc/[0-9]*/cmdline 2>/dev/null ) | tr '\000' ' ' | awk -v ours=" $S/program watchdog " '
    /^==> \/proc\// { split($2, part, "/"); pid = part[3]; next }
    index($0, ours) && !index($0, " -c ") { print pid }'
}

# That one goes on without a mark. Whoever started us asks again whether it still lives.
yield() {
  exec >/dev/null
  nap 10
  exit 1
}

# Leave: what a trial that is over has left behind goes, unless another one has begun meanwhile.
stand_down() {
  patience=999999
  claim w
  clock
  load_trial
  armed || { dismiss; forget_lock; }
  rm -f "$S/busy"
  exit 0
}

# A lock that binds nobody, since its session has died, goes as well.
forget_lock() {
  load_lock
  owned || unlock
}

# Also over for us when another watchdog has taken our place. That no mark can be made ends nothing.
on_trial() {
  clock
  load_trial
  on_ours || return
  if guarded "$a_nonce"; then [ "$guard_pid" = "$own_pid" ]; else make_mark || guard_pid=; fi
}

# Must the host go back now? -> why, else pause (seconds until that is asked again).
must_end() {
  why='' pause=$((remaining < 10 ? remaining : 10))
  if [ "$remaining" -le 0 ]; then
    why="no confirmation within $trial_seconds s"
    [ -z "$trial_confirmed" ] || why="confirmed, but neither committed nor renewed within $trial_seconds s"
  elif [ "$trial_boots" -gt 0 ] && [ "$boots" -gt "$trial_boots" ]; then
    why="boot_failure: booted $boots times before it was confirmed"
  elif [ "$boots" -gt 0 ] && ! is_up; then
    why="boot_failure: the system was still starting $trial_boot_timeout s after a boot"
  elif [ "$boots" = 0 ] || [ -n "${is_fine-}" ]; then
    fired || :
  fi
  [ -n "$why" ]
}

# A boot of the trial is written down before anything else happens; it counts also where that cannot
# be -> boots.
count_boot() {
  boots=0 born=$up ids=
  [ "$boot_id" != "$trial_boot" ] || return 0
  [ ! -f "$S/boots" ] || ids=$(cat "$S/boots")
  case $NL$ids$NL in
    *"$NL$boot_id$NL"*) ;;
    *) ids=${ids:+$ids$NL}$boot_id; note_boots || { rm -f "$S/ballast"; note_boots; } ;;
  esac
  # shellcheck disable=SC2086
  set -- $ids
  boots=$#
  point boot_counted
}

note_boots() {
  printf '%s\n' "$ids" 1<>"$S/boots" && flush "$S/boots"
} 2>/dev/null

# Has this boot come to its end, or is there still time? Only systemd can tell.
is_up() {
  [ "$trial_boot_timeout" -gt 0 ] && [ -d "$run/systemd/system" ] || is_fine=1
  [ -z "${is_fine-}" ] || return 0
  run_script 'systemctl is-system-running' 10 /
  case $last in
    running | degraded) is_fine=1 ;;
    *) pause=2; [ $((up - born)) -lt "$trial_boot_timeout" ] ;;
  esac
}

# Go back; succeeds when that must be tried again.
end_trial() {
  claim w
  verdict=
  # What has settled has let go of the mark, which may be another's by now.
  if on_trial; then watch_over; else rm -f "$S/busy"; fi
  [ "$verdict" = failed ]
}

watch_over() {
  [ ! -f "$S/token" ] || read -r highest <"$S/token"
  a_run=$trial_run a_release=$trial_release
  tell_about
  history begin watchdog "$about"
  places_now
  # Somebody has switched since we went back, so that nothing of that counts any more.
  [ "$active" = "${left_active-$active}" ] || done_here=
  go_back "$why"
  places_now
  left_active=$active
  # An armed trial keeps other runs out, so the lock is that of the run whose trial is over now.
  [ "$verdict" != ok ] || unlock
  settle "$verdict" "$reason"
}
