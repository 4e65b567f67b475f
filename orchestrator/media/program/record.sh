# The record of a run on this host: the events that fleet's journal has of any run, one a line. A file for
# each run, in <state>/.media; `current` names the run that is under way, `installed` the newest that
# was brought to its end.
run='' nonce=''

open_records() {
  read -r state <"$H/state"
  L=$state/.media
  # shellcheck disable=SC2174
  mkdir -p -m 700 "$L" 2>/dev/null && [ -w "$L" ] || die 2 "cannot write in $L" 'run this as a user who may: root, as a rule'
}

# Only one of these works on a host at a time; the mark of a dead one binds nobody.
alone() {
  mark=$L/running
  while ! ln -s "$$.$(began_at "$$")" "$mark" 2>/dev/null; do
    holder=$(readlink "$mark") || die 2 "cannot write in $L: is the disk full, or read-only?"
    [ "$(began_at "${holder%.*}")" != "${holder#*.}" ] || die 2 "install.sh is at work here already: process ${holder%.*}" 'wait for it'
    rm -f "$mark"
  done
  running=$mark
}

# When a process started, in ticks after boot; nothing for one that is gone.
began_at() {
  { sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20; } 2>/dev/null
}

now() { date +%s; }

# Who is at the keyboard, as one plain word.
who() { id -un 2>/dev/null | tr -cd 'A-Za-z0-9._-'; }

# A new run: its own name and nonce; that of this host's trials follows from it as in any run of fleet.
new_run() {
  random=$(tr -d - </proc/sys/kernel/random/uuid)
  use_run "media-$medium-$(printf %.8s "$random")" "$random"
  note "{\"kind\":\"started\",\"at\":$(now),\"medium\":\"$medium\",\"run\":\"$run\",\"nonce\":\"$random\",\"host\":\"$host\",\"by\":\"$(who)\"}"
  keep current
}

use_run() {
  run=$1
  record=$L/$run.jsonl
  nonce=$(printf '%s:%s' "$2" "$host" | sha256sum | cut -c 1-32)
}

# recall <current | installed>: take up the run that it names.
recall() {
  [ -f "$L/$1" ] && read -r name <"$L/$1" && [ -f "$L/$name.jsonl" ] || return 1
  case $name in "media-$medium-"*) ;; *) return 1 ;; esac
  read_json "$(head -n 1 "$L/$name.jsonl")"
  [ "${f_host-}" = "$host" ] || return 1
  use_run "$f_run" "$f_nonce"
}

keep() {
  printf '%s\n' "$run" >"$L/$1.new" && mv -f "$L/$1.new" "$L/$1"
}

# Write a line down, on disk before anything follows from it. A line that a power cut tore is ended.
note() {
  [ ! -s "$record" ] || [ -z "$(tail -c 1 "$record")" ] || echo >>"$record"
  printf '%s\n' "$1" >>"$record" && { sync "$record" 2>/dev/null || sync; } ||
    die 2 "cannot write $record: is the disk full, or read-only?" 'make room and run this again'
}

# The record's whole lines, without what a power cut tore.
lines() {
  grep '^{.*}$' "$record"
}

begun() {
  note "{\"kind\":\"action_begun\",\"at\":$(now),\"action\":\"$1\"}"
}

# ended <action> <result>, with why, tail and facts as the insides of JSON strings and of an object.
ended() {
  note "{\"kind\":\"action_ended\",\"at\":$(now),\"action\":\"$1\",\"result\":\"$2\",\"reason\":\"$why\",\"output\":\"$tail\",\"facts\":{$facts}}"
}

# Where the run was when it was left -> last_action, last_result (nothing when it was cut off there).
left_at() {
  read_json "$(lines | grep -v '"kind":"controller_started"' | tail -n 1)"
  last_kind=$f_kind last_action=${f_action-} last_result=${f_result-}
}

# Is the run on its way back?
going_back() {
  lines | grep -qE '"kind":"operator_asked"|"action":"revert"'
}

# What this host's own history has of the run -> facts
add_history() {
  all=
  for n in $moving; do
    about "$n"
    ask "$(cat "$H/$n.history")"
    entries=$(printf '%s\n' "$answer" | sed 's/^.*"entries":\[//;s/\]}$//' | awk '{ gsub(/},{"t":/, "}\n{\"t\":"); print }' |
      grep -F "\"nonce\":\"$nonce\"" | tail -n 20 | tr '\n' ,)
    all="$all${all:+,}\"$package\":[${entries%,}]"
  done
  facts="$facts${facts:+,}\"history\":{$all}"
}

# Copy the records of this host to a folder, or to the medium.
save() {
  to=${results:-$M/results}
  mkdir -p "$to" 2>/dev/null || die 2 "cannot write in $to: is the medium read-only?" 'name a folder with --results'
  saved=0
  for name in $(cd "$L" && set +f && ls -- media-"$medium"-*.jsonl 2>/dev/null); do
    cp "$L/$name" "$to/.new" && { sync "$to/.new" 2>/dev/null || sync; } && mv -f "$to/.new" "$to/$host.$name" ||
      die 2 "cannot write in $to" 'name a folder with --results'
    saved=$((saved + 1))
  done
  say "saved $saved results in $to; on the ops box: fleet media import $to"
}
