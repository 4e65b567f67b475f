# Who may change a package on this host. Three things, inner to outer:
#   busy    a symlink to "<role>.<pid>.<start>": the one process that works on the package now
#           (running: "<pid> <start>" of the hook or step that it runs, if any)
#   lock    the run that owns the package until it expires
#   token   the highest fencing token ever given out; only its holder may work

# Where the package's folders are, from the request -> P, S.
places() {
  is_name "${a_package-}" && [ "$a_package" != trust ] || answer error "not a package name: ${a_package-}"
  case ${a_root-} in /*) ;; *) answer error "root is not an absolute path: ${a_root-}" ;; esac
  case ${a_state-} in /*) ;; *) answer error "state is not an absolute path: ${a_state-}" ;; esac
  P=$a_root/$a_package S=$a_state/$a_package
}

need_release() {
  is_name "${a_release-}" || answer error "not a release name: ${a_release-}"
  R=$P/releases/$a_release
}

need_manifest() {
  need_release
  case ${a_manifest-} in
    *[!0-9a-f]* | '') answer error "not a sha256: ${a_manifest-}" ;;
    "${a_release##*-}"*) ;;
    *) answer error "release $a_release is not named after manifest $a_manifest" ;;
  esac
}

need_nonce() {
  is_name "${a_nonce-}" || answer error "not a nonce: ${a_nonce-}"
}

# Begin an operation that changes the package: take the mark, the lock, and journal it.
enter() {
  is_number "${a_token:=0}" || answer error "not a token: $a_token"
  is_number "${a_lock_ttl:=600}" || answer error "not a number of seconds: $a_lock_ttl"
  [ -n "${a_run-}" ] || answer error "a changing operation needs a run"
  # shellcheck disable=SC2174
  [ -d "$S" ] || mkdir -p -m 700 "$S" 2>/dev/null || answer no "cannot make $S: is it writable by this user?"
  clock
  know_self
  claim o
  judge
  point claimed
  grant
  point granted
  tell_about
  history begin "$op" "$about"
  point journalled
  wake
}

# End it: journal the outcome, clear the mark, answer.
leave() {
  settle "$1" "$2"
  raw token "${highest:-0}"
  answer "$1" "$2"
}

settle() {
  then=$up
  read -r up _ </proc/uptime
  up=${up%%.*}
  now=$((now + up - then))
  esc "$2"
  history end "$op" "$about,\"status\":\"$1\",\"reason\":$E"
  point settled
  # A `clear_mark` that was killed has left its own.
  set +f
  rm -f "$S/busy" "$S"/busy.* "$S/running"
  set -f
}

# Make `busy` ours. A dead holder is cleared; a living operation of our own run is ended; a watchdog
# at work is waited for. As watchdog (w), a living holder is waited for until its hooks must be over.
claim() {
  tries=0
  until ln -s "$1.$own_pid.$own_start" "$S/busy" 2>/dev/null; do
    tries=$((tries + 1))
    [ -L "$S/busy" ] || [ "$tries" -lt 20 ] || unclaimed
    holder=$(readlink "$S/busy") || continue
    holder_pid=${holder#?.}
    holder_pid=${holder_pid%.*}
    if ! started "$holder_pid" || [ "$start" != "${holder##*.}" ]; then
      end_orphan
      clear_mark || [ "$tries" -lt 20 ] || unclaimed
    elif [ "$1" = w ]; then
      [ "$tries" -lt "$patience" ] || end "$holder_pid"
      nap 1
    else
      judge living
      case $holder$lock_run in
        o*"$a_run") end "$holder_pid" ;;
        *) outwait ;;
      esac
    fi
  done
}

# A watchdog is going back, or another run has only begun or is about to let go.
outwait() {
  case $holder in
    o*) [ "$tries" -lt 50 ] || answer locked "process $holder_pid is at work on the package" ;;
  esac
  nap 0.1
}

unclaimed() {
  [ "${op-}" != watchdog ] || { nap 10; return; }
  answer no "cannot write in $S: is the disk full, or read-only?"
}

# What a dead holder has left running must not go on beside what takes its place.
end_orphan() {
  orphan='' orphan_start=
  [ ! -f "$S/running" ] || read -r orphan orphan_start <"$S/running" || :
  is_number "$orphan" && started "$orphan" && [ "$start" = "$orphan_start" ] || return 0
  end "$orphan"
}

# Take a dead holder's mark away. Should another have replaced it meanwhile, give that one back.
clear_mark() {
  mv -f "$S/busy" "$S/busy.$own_pid" 2>/dev/null || return
  found=$(readlink "$S/busy.$own_pid")
  [ "$found" = "$holder" ] || ln -s "$found" "$S/busy" 2>/dev/null
  rm -f "$S/busy.$own_pid"
}

# May this request work on the package? Ends the operation when not. `living` says that another
# process works on it right now.
judge() {
  load_lock
  highest=0
  [ ! -f "$S/token" ] || read -r highest <"$S/token"
  if [ "$a_token" != 0 ]; then
    [ "$a_token" = "$highest" ] || refuse fenced "token $a_token is not the newest, $highest: another controller has taken over"
  elif [ -n "$lock_run" ] && [ "$lock_run" != "$a_run" ]; then
    if [ "${1-}" = living ] || armed || owned; then
      put owner "$lock_owner"
      refuse locked "run $lock_run owns the package ($lock_owner)"
    fi
  fi
}

load_lock() {
  lock_run='' lock_owner='' lock_expires=0 lock_token=0 lock_session='' lock_boot=''
  load lock
}

# Does the lock still bind others? Not past its time, and not when its session is gone and has left
# nothing that the run must come back for: no trial, and no confirmed release to be committed.
owned() {
  [ -n "$lock_run" ] && [ "$lock_expires" -gt "$now" ] || return 1
  session_gone || return 0
  armed || { [ "$last_outcome" = confirmed ] && [ "$last_run" = "$lock_run" ]; }
}

session_gone() {
  boot
  [ "$lock_boot" = "$boot_id" ] && started "${lock_session%.*}" && [ "$start" = "${lock_session#*.}" ] || return 0
  return 1
}

# Answer without having begun; a trial left without its watchdog gets one.
refuse() {
  mine=$(readlink "$S/busy")
  if [ "$mine" = "o.$own_pid.$own_start" ]; then
    ! armed || guarded "$trial_nonce" || guard || :
    rm -f "$S/busy"
  fi
  answer "$1" "$2"
}

grant() {
  if [ "$a_token" = 0 ]; then
    highest=$((highest + 1))
    write_durably "$S/token" "$highest" || refuse no "cannot write $S/token: is the disk full, or read-only?"
    point token_raised
  elif [ "$lock_run" = "$a_run" ] && [ "$lock_expires" -gt $((now + a_lock_ttl / 2)) ] && ! session_gone; then
    return
  fi
  boot
  started "$$"
  T=''
  note lock_session "$$.$start"
  note lock_boot "$boot_id"
  note lock_run "$a_run"
  note lock_owner "${a_owner-}"
  note lock_expires $((now + a_lock_ttl))
  note lock_token "$highest"
  write "$S/lock" "$T" || refuse no "cannot write $S/lock: is the disk full, or read-only?"
}

unlock() {
  rm -f "$S/lock"
}
