# What a run does on this host, one function for each action of fleet's core. Each leaves result, why,
# tail and facts.
moving=

# request <n> <operation> [<more keys>] [<payload>]: ask as this run, under the package's lock.
request() {
  eval "token=\${token_$1:-0}"
  ask "$(cat "$H/$1.$2") run=$run nonce=$nonce token=$token ${3-}" "${4-}"
  [ "$f_status" != fenced ] || die 2 "another controller has taken over: $f_reason"
  [ -z "${f_token-}" ] || eval "token_$1=\$f_token"
}

# refused <doing>: the outcome of an answer that is not ok.
refused() {
  result=${2-failed} tail=${j_tail-}
  why="$1 $package: ${j_reason:-the host answered $f_status}"
  say "  $package: ${f_reason-}"
}

# Probe every package; `seen <n>` brings what was found of one back.
look() {
  for n in $numbers; do
    ask "$(cat "$H/$n.probe")"
    [ "$f_status" = ok ] || die 2 "the host could not be probed: $f_reason"
    cp "$work/answer" "$work/$n.found" || die 2 "cannot write in $work" "$room"
  done
}

seen() {
  about "$1"
  for name in $names; do unset "f_$name" "j_$name"; done
  # shellcheck disable=SC1090
  . "$work/$1.found"
}

# Is the release of the package just seen active and proved, with no trial on?
is_there() {
  [ "$f_proved" = true ] && [ -z "${f_trial_nonce-}" ]
}

is_ours() {
  [ "${f_trial_nonce-}" = "$nonce" ] || [ "${f_last_nonce-}" = "$nonce" ]
}

# Which packages this run moves -> moving
find_moving() {
  look
  moving=
  for n in $numbers; do
    seen "$n"
    if is_ours || [ "$f_proved" != true ]; then moving="$moving $n"; fi
  done
}

do_check() {
  ask facts
  facts="\"os\":\"${j_os-}\",\"os_version\":\"${j_os_version-}\",\"arch\":\"${j_arch-}\",\"boot_id\":\"${j_boot_id-}\""
  objection= changes=0 packages=
  [ -z "$f_missing" ] || objection="this host lacks $f_missing"
  look
  for n in $numbers; do
    seen "$n"
    is_there || { changes=$((changes + 1)); object; }
    packages="$packages${packages:+,}\"$package\":{\"from\":\"${j_active-}\",\"to\":\"$release\"}"
  done
  facts="$facts,\"changes\":$changes,\"packages\":{$packages}"
  result=already why='there, and proved'
  [ "$changes" != 0 ] || return 0
  result=failed why=$objection
  [ -z "$objection" ] || return 0
  ask_checks pre
}

# Why the package just seen must not be moved now -> objection
object() {
  if [ -n "${f_lock_run-}" ] && [ "$f_lock_run" != "$run" ]; then
    objection="$package: locked by $j_lock_owner (run $j_lock_run)"
  elif [ -n "${f_trial_run-}" ] && [ "$f_trial_run" != "$run" ]; then
    objection="$package: run $j_trial_run has $j_trial_release on trial, for $f_trial_remaining s more"
  elif [ "${f_active-}" = "$release" ] && [ ! -f "$H/$n.repair" ]; then
    objection="$package: $release is active but differs from what was signed: $j_proof"
  fi
}

# ask_checks <pre | post>: those of the phase, again while they say but `not yet`, until its time is up.
ask_checks() {
  result='done' why='' tail=''
  read -r patience <"$H/checks.$1.patience"
  up
  until=$((up + patience)) pause=1
  cp "$H/checks.$1" "$work/asked" || die 2 "cannot write in $work" "$room"
  while :; do
    ask_round
    up
    [ "$result" = not-yet ] && [ "$up" -lt "$until" ] || break
    sleep "$pause"
    [ "$pause" -ge 5 ] || pause=$((pause + 1))
    cp "$work/later" "$work/asked" || die 2 "cannot write in $work" "$room"
  done
  [ "$result" != not-yet ] || { result=failed why="${why%%: *}: still not ready: ${why#*: }"; }
}

up() {
  read -r up _ </proc/uptime
  up=${up%%.*}
}

# A no outweighs what is not known, and that a `not yet`.
ask_round() {
  result='done' why='' tail=''
  : >"$work/later"
  while IFS=$TAB read -r label line; do
    ask "$line"
    say "  $label: $f_status${f_reason:+: $f_reason}"
    case $f_status:$result in
      ok:*) continue ;;
      not-yet:done) judged=not-yet ;;
      not-yet:*) judged= ;;
      unknown:failed) judged= ;;
      unknown:*) judged=inconclusive ;;
      *:failed) judged= ;;
      *) judged=failed ;;
    esac
    [ "$f_status" != not-yet ] || printf '%s\t%s\n' "$label" "$line" >>"$work/later"
    [ -z "$judged" ] || result=$judged why="$label: ${j_reason:-answered $f_status}" tail=${j_tail-}
  done <"$work/asked"
}

do_stage() {
  find_moving
  moved= signatures=
  for n in $moving; do
    seen "$n"
    operation=stage
    [ "${f_active-}" != "$release" ] || operation=repair
    request "$n" $operation '' "$M/releases/$release.tar.gz"
    [ "$f_status" != unread ] || torn
    [ "$f_status" = ok ] || { refused staging; let_go; return; }
    [ "$operation" = stage ] || continue
    moved="$moved $n"
    say "  $package: $release is staged, signature ${f_signature-}"
    signatures="$signatures${signatures:+,}\"$package\":{\"signature\":\"${j_signature-}\"}"
  done
  moving=$moved facts="\"staged\":{$signatures}"
}

let_go() {
  for n in $moving; do request "$n" withdraw; done
}

do_withdraw() { let_go; }

do_activate() {
  for n in $moving; do
    about "$n"
    request "$n" "$(way "$n")"
    [ "${f_reboot-}" != true ] || facts='"reboot":true'
    case $f_status in
      ok) say "  $package: $release is active, on trial" ;;
      stranded) refused activating stranded; return ;;
      *) refused activating; return ;;
    esac
  done
}

# How a package is activated: services that it shares are left to later ones when all of these move.
way() {
  if [ -f "$H/$1.activate.shared" ] && all_move_after "$1"; then echo activate.shared; else echo activate; fi
}

all_move_after() {
  for other in $numbers; do
    case " $moving " in
      *" $other "*) ;;
      *) [ "$other" -le "$1" ] || return 1 ;;
    esac
  done
}

# Ends this script with the host. When it is run after the boot, it finds the trial and goes on.
do_reboot() {
  for n in $moving; do
    [ -f "$H/$n.renew" ] || continue
    last=$n
    about "$n"
    request "$n" renew
    [ "$f_status" = ok ] || { refused rebooting; return; }
  done
  request "$last" reboot
  [ "$f_status" = ok ] || { refused rebooting; return; }
  close_session
  read -r patience <"$H/reboot.patience"
  say "  this host reboots now: run this again when it is back; in $patience s it would go back by itself"
  sleep "$patience"
  result=failed why="still on the same boot $patience s after it was asked to reboot"
}

do_validate() { ask_checks post; }

# There is no fresh connection on a host alone; a new host program proves the release again.
do_confirm() {
  close_session
  left=
  facts='"confirmed":"locally"'
  each confirm confirming
}

do_commit() {
  left=
  each commit committing
  add_left
}

each() {
  for n in $moving; do
    about "$n"
    request "$n" "$1"
    [ "$f_status" = ok ] || { refused "$2"; return; }
    leaves
  done
}

# What the cleanup of the package just done with could not remove is told of, no more -> left
leaves() {
  [ -z "${f_cleanup-}" ] || left="$left${left:+,}\"$package\":\"$j_cleanup\""
}

add_left() {
  [ -z "$left" ] || facts="\"left\":{$left}"
  add_history
}

# Last one first; a failure does not stop the rest, and stranded is the worst.
do_revert() {
  left= reversed= worst='done' worst_why='' worst_tail=''
  for n in $moving; do reversed="$n $reversed"; done
  for n in $reversed; do
    about "$n"
    request "$n" revert "why=$(word "$(plain "${trouble:-the run takes its release back}")")"
    case $f_status in
      ok) say "  $package: went back"; leaves; continue ;;
      stranded) refused reverting stranded ;;
      *) refused reverting ;;
    esac
    [ "$worst" = stranded ] || worst=$result worst_why=$why worst_tail=$tail
  done
  result=$worst why=$worst_why tail=$worst_tail
  add_left
}

# Where does a host in doubt stand? Found by probe, never assumed.
do_resolve() {
  find_moving
  stands= why= reboots=
  for n in $numbers; do
    seen "$n"
    stand
    [ "$standing:${f_trial_reboot-}" != is-trial:true ] || reboots=1
    why="$why${why:+; }$package: ${j_active:-nothing} is active, $standing"
    case " $stands " in *" $standing "*) ;; *) [ "$standing" = already ] || stands="$stands $standing" ;; esac
  done
  case "$stands " in
    ' ') result=is-confirmed ;;
    *' stranded '*) result=stranded ;;
    ' is-staged is-reverted ' | ' is-reverted is-staged ') result=is-reverted ;;
    ' '*' '*' ')
      result=is-armed
      case "$stands " in *' is-confirmed '* | *' is-reverted '*) result=is-trial ;; esac ;;
    *) result=${stands# } ;;
  esac
  [ -z "$reboots" ] || facts='"reboot":true'
  add_history
}

# Where the package just seen stands -> standing
stand() {
  standing=stranded
  if [ "${f_trial_nonce-}" = "$nonce" ]; then
    if [ "$f_active" = "$release" ]; then
      standing=is-armed
      [ "$f_trial_activated" != true ] || standing=is-trial
    elif [ "$f_active" = "$f_trial_from" ]; then
      standing=is-armed
    fi
  elif [ "${f_last_nonce-}" = "$nonce" ]; then
    case $f_active:$f_last_outcome in
      "$f_last_from:confirmed" | "$f_last_from:committed" | "$f_last_from:reverted") standing=is-reverted ;;
      "$release:confirmed" | "$release:committed") standing=is-confirmed ;;
    esac
  elif [ "$f_active" != "$release" ]; then
    standing=is-staged
  elif [ "$f_proved" = true ]; then
    standing=already
  fi
}
