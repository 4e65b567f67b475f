# The trial: an activated release that goes back by itself unless it is confirmed in time.
#   undo      what a revert needs; kept after the trial, until the next one
#   trial     there while the trial is on: its nonce, and for how long
#   spent     "<boot id> <uptime> <seconds>": how much of that time had passed, and when
#   boots     the boots since the trial began, an id a line; empty lines keep room for more
#   last      how the newest trial ended; a trial that `last` tells about is over, whatever lies there
#   progress  the hooks of the trial that have succeeded (hooks.sh)
#   ballast   room for what a way back writes, should the disk be full by then
#
# A trial's time is that in which the host has power, by /proc/uptime, which goes on while it sleeps
# and knows nothing of the date.
#
# `spent` and `boots` are written over in place, since a full disk does not stop that.

# The uptime at which this watchdog began: its time counts also where `spent` cannot be written.
born=

# Read trial and last -> trial_*, last_*.
load_trial() {
  trial_nonce='' last_nonce='' last_run='' last_from='' last_to='' last_outcome='' last_reason='' last_epoch=0
  trial_ceiling=0 trial_boots=0 trial_boot_timeout=0 trial_confirmed='' trial_reboot='' trial_hook=auto
  load trial
  load last
  [ "$trial_nonce" != "$last_nonce" ] || trial_nonce=
}

# Is there a trial? -> spent, remaining (seconds, 0 or less when it is overdue).
armed() {
  [ -n "${trial_nonce+known}" ] || load_trial
  [ -n "$trial_nonce" ] || return 1
  boot
  spent_boot='' spent_up='' spent=
  [ ! -f "$S/spent" ] || read -r spent_boot spent_up spent <"$S/spent" || :
  is_number "$spent_up" && is_number "$spent" || spent_boot='' spent=0
  [ "$spent_boot" = "$boot_id" ] || spent_up=${born:-$up}
  spent=$((spent + up - spent_up))
  remaining=$((trial_seconds - spent))
}

# Keep how much of the trial's time has passed, for after a power cut.
beat() {
  { printf '%-36s %10s %10s\n' "$boot_id" "$up" "$spent" 1<>"$S/spent"; } 2>/dev/null || :
}

# Is a trial with this request's nonce on? -> remaining
on_ours() {
  armed && [ "$trial_nonce" = "$a_nonce" ]
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
  note_data
  note undo_deadline "$a_deadline"
  note_triggers
  has_done staging "$a_nonce" || rm -f "$S/reboot"
  rm -f "$S/progress" "$S/spent"
  write_durably "$S/undo" "$T" || return 1
  head -c 65536 /dev/zero >"$S/ballast" || return 1
  head -c 4096 /dev/zero | tr '\000' '\n' >"$S/boots" || return 1
  point undo_written
  boot
  trial_nonce=$a_nonce trial_run=$a_run trial_release=$a_release trial_from=$active
  trial_seconds=$a_deadline trial_ceiling=$a_ceiling trial_confirmed=
  trial_boot=$boot_id trial_boots=$a_boots trial_boot_timeout=$a_boot_timeout trial_reboot= trial_hook=${a_boot_hook:-auto}
  spent=0
  beat
  write_trial || return 1
  load_trial
  history trial activate "$about"
}

write_trial() {
  T=''
  for part in nonce run release from seconds ceiling confirmed boot boots boot_timeout reboot hook; do
    eval "note trial_$part \"\$trial_$part\""
  done
  write_durably "$S/trial" "$T"
}

# Let the trial end in so many seconds from now, but not after its ceiling.
prolong() {
  trial_seconds=$((spent + $1))
  [ "$trial_ceiling" = 0 ] || [ "$trial_seconds" -le "$trial_ceiling" ] || trial_seconds=$trial_ceiling
  write_trial || return 1
  armed
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

# The ledger: lines "<step> <nonce of the trial that did it>"; "!<step> <nonce>" while it is being done
# or undone, which may have happened and may not: both going on and going back do what they have to do with it.
in_ledger() {
  [ -f "$S/ledger" ] && cut -d ' ' -f 1 "$S/ledger" | grep -qxF -e "$1"
}
did() {
  [ -f "$S/ledger" ] && grep -qxF -e "$1 $2" -e "!$1 $2" "$S/ledger"
}
strike() {
  kept=$(grep -vxF -e "$1 $2" -e "!$1 $2" "$S/ledger")
  write_durably "$S/ledger" "$kept${3:+${kept:+$NL}$3}"
}
enter_in_ledger() {
  [ -f "$S/ledger" ] || : >"$S/ledger"
  strike "$1" "$2" "$1 $2"
}
put_in_doubt() {
  [ -f "$S/ledger" ] || : >"$S/ledger"
  strike "$1" "$2" "!$1 $2"
}
