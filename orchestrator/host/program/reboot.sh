# A reboot during a trial.

# Once for each trial: a boot id that differs from that of its beginning proves that it happened.
do_reboot() {
  places
  need_nonce
  enter
  load_trial
  places_now
  on_ours || leave no "no trial with this nonce is on"
  put boot_id "$boot_id"
  [ "$boot_id" = "$trial_boot" ] || leave ok 'rebooted already'
  load_hook
  [ -n "$hook_kind" ] || [ "${a_unguarded-}" = 1 ] || leave no "$(no_hook)"
  guarded "$a_nonce" || guard || leave failed "the watchdog cannot be started"
  beat
  sync
  point before_reboot
  default='systemctl reboot || reboot || shutdown -r now'
  ( setsid sh -c "sleep 1; ${a_command:-$default}" </dev/null >/dev/null 2>&1 3<&- 4>&- & )
  leave ok ''
}

no_hook() {
  echo "nothing here would start the watchdog after a reboot${hook_trouble:+: $hook_trouble}; say trial: {boot_hook: optional} to reboot all the same"
}
