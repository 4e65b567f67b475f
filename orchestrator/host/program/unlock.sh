# Breaking a lock: whoever asks takes it over in the name of the run that holds it, which ends what
# that run still does and fences it off, and lets go.

do_unlock() {
  places
  clock
  load_lock
  [ -n "$lock_run" ] || answer ok 'nobody holds the lock'
  [ "$lock_run" = "${a_held-}" ] || answer no "run $lock_run holds the lock now ($lock_owner)"
  if armed && [ "${a_force-}" != 1 ]; then
    guarded "$trial_nonce" || guard || :
    answer no "a trial of $trial_release is on, and ends in $remaining s"
  fi
  by=${a_owner-} a_run=$lock_run a_token=0
  enter
  load_trial
  places_now
  verdict=ok reason="run $a_run is locked out"
  if armed; then
    a_nonce=$trial_nonce
    undoable
    go_back "the lock was broken by $by"
  fi
  esc "$by"
  about="$about,\"by\":$E"
  [ "$verdict" != ok ] || unlock
  leave "$verdict" "$reason"
}
