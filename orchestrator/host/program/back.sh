# Going back to a release by a run of its own: what was done since it was active, and is undone.
#   ledgers   which steps were done when a release was replaced by another: <release> <step>…

# Could the release be gone back to? Is it here and whole, and which steps were done since?
do_recall() {
  places
  need_manifest
  why="it is not on the host" held=false
  if is_complete "$a_release"; then
    held=true strict=1
    proof "$R" "$a_manifest"
  fi
  raw held $held
  put proof "$why"
  regain_asked
  [ -z "$paths" ] || { backup_of_release; put backup "$b"; }
  if steps_since; then words since "$since"; else raw since null; fi
  words done "$all"
  answer ok ''
}

note_steps() {
  [ -n "$active" ] || return 0
  every_step
  others=
  [ ! -f "$S/ledgers" ] || others=$(awk -v release="$active" '$1 != release' "$S/ledgers" | tail -n 100)$NL
  write_durably "$S/ledgers" "$others$active$all"
}

# Every step that is done, oldest first -> all
every_step() {
  all=
  [ -f "$S/ledger" ] || return 0
  for step in $(cut -d ' ' -f 1 "$S/ledger"); do
    ! is_name "$step" || all="$all $step"
  done
}

# The steps that were done since the release was active here, newest first -> since. Fails when
# nobody knows.
steps_since() {
  since='' then=
  every_step
  [ -n "$all" ] || return 0
  [ ! -f "$S/ledgers" ] || then=$(awk -v release="$a_release" '$1 == release' "$S/ledgers")
  [ -n "$then" ] || return 1
  for step in $all; do
    case "$then " in *" $step "*) ;; *) since="$step $since" ;; esac
  done
}

# The steps that are to be undone, if this is a way back -> since; each has its way down.
ways_down() {
  since=
  [ "${a_back-}" = 1 ] || return 0
  steps_since || leave no "nobody knows which of these steps $a_release needs:$all"
  for step in $since; do
    case " ${a_settled-} " in *" $step "*) continue ;; esac
    numbered "$step" && eval "[ -n \"\${a_step_down_$number-}\" ]" || leave no "step $step was done since, and has no way down"
  done
}

numbered() {
  number=0
  for named in ${a_steps-}; do
    number=$((number + 1))
    [ "$named" != "$1" ] || return 0
  done
  return 1
}

# Undo them; the way back from here will do them again.
lower_steps() {
  for step in $since; do
    numbered "$step"
    by=$(awk -v step="$step" '$1 == step { print $2; exit }' "$S/ledger")
    printf 'lowered %s %s %s\n' "$step" "$by" "$a_nonce" >>"$S/progress" && flush "$S/progress" ||
      leave failed "cannot write in $S: is the disk full?"
    eval "text=\${a_step_down_$number-}"
    hook "step $step, down" "$text" "${a_env-}" "$a_hook_timeout" || hook_failed "step $step, down"
    strike "$step" "$by" || leave failed "step $step is undone, and the ledger in $S cannot be written"
    point step_lowered
  done
}

# Do again, last one first, the steps that the trial has undone.
raise_steps() {
  [ -f "$S/progress" ] || return 0
  again=$(sed -n "s/^lowered \([^ ]*\) \([^ ]*\) $undo_nonce\$/\1:\2/p" "$S/progress")
  reversed=
  for step in $again; do reversed="$step $reversed"; done
  for step in $reversed; do
    by=${step#*:} step=${step%%:*} number=0
    for named in $undo_steps; do
      number=$((number + 1))
      [ "$named" != "$step" ] || break
    done
    eval "text=\${undo_up_$number-}"
    hook "step $step" "$text" "$undo_env" "$undo_timeout" || return 1
    did "$step" "$by" || enter_in_ledger "$step" "$by" || { reason="the ledger in $S cannot be written"; return 1; }
    point step_raised
  done
}
