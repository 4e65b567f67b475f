# The trial: an activated release that goes back by itself unless it is confirmed in time.
#   undo      what a revert needs; kept after the trial, until the next one
#   trial     there while the trial is on: its nonce and when it ends
#   last      how the newest trial ended; a trial that `last` tells about is over, whatever lies there
#   progress  the hooks of the trial that have succeeded (hooks.sh)

# Read trial and last -> trial_*, last_*.
load_trial() {
  trial_nonce='' last_nonce='' last_run='' last_from='' last_to='' last_outcome='' last_reason='' last_epoch=0
  load trial
  load last
  [ "$trial_nonce" != "$last_nonce" ] || trial_nonce=
}

# Is there a trial? -> remaining (seconds, below 0 when it is overdue). After a boot the uptime says
# nothing, and the wall clock must do.
armed() {
  [ -n "${trial_nonce+known}" ] || load_trial
  [ -n "$trial_nonce" ] || return 1
  boot
  if [ "$boot_id" = "$trial_boot" ]; then
    remaining=$((trial_due - up))
  else
    remaining=$((trial_due_epoch - now))
  fi
}

# Write down, durably, what will undo the activation; then that it is on trial.
arm() {
  T=''
  note undo_nonce "$a_nonce"
  note undo_run "$a_run"
  note undo_wave "${a_wave-}"
  note undo_release "$a_release"
  note undo_from "$active"
  note undo_previous "$previous"
  note undo_drift "$print"
  note undo_timeout "$a_hook_timeout"
  note undo_restart "${a_restart_back-${a_restart-}}"
  for part in pre_revert post_revert cleanup env steps; do
    eval "note undo_$part \"\${a_$part-}\""
  done
  number=0
  for step in ${a_steps-}; do
    number=$((number + 1))
    eval "note undo_down_$number \"\${a_step_down_$number-}\""
    [ "${a_back-}" != 1 ] || eval "note undo_up_$number \"\${a_step_up_$number-}\""
  done
  note undo_deadline "$a_deadline"
  note_triggers
  rm -f "$S/progress"
  write_durably "$S/undo" "$T" || return 1
  point undo_written
  boot
  T=''
  note trial_nonce "$a_nonce"
  note trial_run "$a_run"
  note trial_release "$a_release"
  note trial_from "$active"
  note trial_seconds "$a_deadline"
  note trial_boot "$boot_id"
  note trial_due $((up + a_deadline))
  note trial_due_epoch $((now + a_deadline))
  write_durably "$S/trial" "$T" || return 1
  load_trial
  history trial activate "$about"
}

# conclude <outcome> <nonce> <run> <from> <to> <reason>: end the trial. `last` is written first, and
# is what counts.
conclude() {
  T=''
  note last_outcome "$1"
  note last_nonce "$2"
  note last_run "$3"
  note last_from "$4"
  note last_to "$5"
  note last_reason "$6"
  note last_epoch "$now"
  write_durably "$S/last" "$T" || return 1
  point concluded
  rm -f "$S/trial"
}

# Start the watchdog, and know that it lives before anything is switched. It closes our pipe when it
# has made its mark.
guard() {
  if [ -n "$program" ]; then write "$S/program" "$program" || return 1; fi
  point program_written
  ready=$( ( setsid sh "$S/program" watchdog "$a_package" "$a_root" "$a_state" "$trial_nonce" \
    </dev/null 2>/dev/null 3<&- 4>&- & ) )
  [ "$ready" = watching ]
}

# Does this trial's watchdog live?
guarded() {
  guard_pid='' guard_start='' guard_nonce=''
  [ ! -f "$S/watchdog" ] || read -r guard_pid guard_start guard_nonce <"$S/watchdog" || :
  [ -n "$guard_pid" ] && started "$guard_pid" && [ "$start" = "$guard_start" ] && [ "$guard_nonce" = "$1" ]
}

dismiss() {
  ! guarded "$a_nonce" || end "$guard_pid"
  rm -f "$S/watchdog"
}

# Make `name` (current, previous) lead to a release; to nothing when it is empty. One rename.
flip() {
  if [ -z "$2" ]; then
    rm -f "$P/$1"
    return
  fi
  rm -f "$P/.$1.new"
  ln -s "releases/$2" "$P/.$1.new" || return 1
  point link_made
  rename_over "$P/.$1.new" "$P/$1"
}

# The ledger: lines "<step> <nonce of the trial that did it>".
in_ledger() {
  [ -f "$S/ledger" ] && cut -d ' ' -f 1 "$S/ledger" | grep -qxF -e "$1"
}
did() {
  [ -f "$S/ledger" ] && grep -qxF "$1 $2" "$S/ledger"
}
strike() {
  kept=$(grep -vxF "$1 $2" "$S/ledger")
  write_durably "$S/ledger" "$kept"
}
enter_in_ledger() {
  kept=
  [ ! -f "$S/ledger" ] || kept=$(cat "$S/ledger")$NL
  write_durably "$S/ledger" "$kept$1 $2"
}
