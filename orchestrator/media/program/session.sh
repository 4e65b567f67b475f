# A session with the host program: requests go in by descriptor 7, answers come out by 8.
session=
number=0
names=

open_session() {
  rm -f "$work/in" "$work/out"
  mkfifo "$work/in" "$work/out" || die 2 "cannot make pipes in $work with mkfifo" "this host has to have it; $room"
  (
    trap - PIPE
    # shellcheck disable=SC2016
    exec sh -c 'p=$(cat "$1") && shift && eval "$p"' fleet "$work/program"
  ) <"$work/in" >"$work/out" 2>/dev/null &
  session=$!
  exec 7>"$work/in" 8<"$work/out"
  trap '' PIPE
}

# Closing its input ends what the host program still does.
close_session() {
  [ -n "$session" ] || return 0
  exec 7>&- 8<&-
  wait "$session" 2>/dev/null
  session=
}

# ask <request> [<payload>]: -> status, reason and the other fields of the answer as f_<name>; j_<name> is
# the same as the inside of a JSON string. The host program's end ends it all: a trial goes back. Where the
# medium does not give the payload, the session ends too, since the host program would wait for the rest.
ask() {
  [ -n "$session" ] || open_session
  number=$((number + 1))
  printf '%s %s\n' "$number" "$1" 2>/dev/null >&7
  if [ -n "${2-}" ] && ! pour "$2" "$1"; then
    close_session
    read_json '{"status":"unread"}'
    return 0
  fi
  answer=
  while IFS= read -r answer <&8; do
    read_json "$answer"
    if [ "${f_id-}" = "$number" ]; then
      [ -z "${f_status-}" ] || return 0
      say "    ${f_output-}"
    fi
    answer=
  done
  die 2 'the host program has ended' 'run this again: it finds out where this host stands'
}

# pour <payload> <request>: does the medium give as many bytes as the request says? That the host program
# is gone is not told here: the rest of the payload is read, and then no answer comes.
pour() {
  bytes=${2#* bytes=}
  bytes=${bytes%% *}
  holds "$1" || return 1
  rm -f "$work/torn"
  { cat "$1" || : >"$work/torn"; } 2>/dev/null | { cat >&7 || cat >/dev/null; } 2>/dev/null
  [ ! -e "$work/torn" ] && holds "$1"
}

holds() {
  [ "$({ wc -c <"$1"; } 2>/dev/null | tr -d ' ')" = "$bytes" ]
}

# One JSON object -> f_<name> and j_<name>; what lies deeper is named <outer>_<inner>, a list of words
# is joined by spaces.
read_json() {
  for name in $names; do unset "f_$name" "j_$name"; done
  printf '%s\n' "$1" | LC_ALL=C awk "$AWK_READ" >"$work/answer" || die 2 'the host program gave an answer that is no JSON'
  # shellcheck disable=SC1091
  . "$work/answer"
}

# Control characters become "?", so that no terminal acts on what a hook printed.
AWK_READ='
function quoted(v) { gsub(/\047/, "\047\\\047\047", v); return "\047" v "\047" }
function put(name, plain, raw) {
  if (name !~ /^[a-z_0-9]+$/) return
  print "f_" name "=" quoted(plain) " j_" name "=" quoted(raw)
  all = all " " name
}
function fail() { bad = 1; exit 1 }
function string(   from, c) {
  plain = ""
  from = ++at
  while ((c = substr(s, at, 1)) != "\"") {
    if (c == "") fail()
    if (c == "\\") {
      c = substr(s, ++at, 1)
      if (c == "u") { at += 4; c = "?" }
      else if (c ~ /[ntr]/) c = " "
    }
    plain = plain c
    at++
  }
  raw = substr(s, from, at++ - from)
}
function list(name,   words) {
  at++
  while (substr(s, at, 1) != "]") {
    if (substr(s, at, 1) == ",") at++
    else if (substr(s, at, 1) == "\"") { string(); words = words (words == "" ? "" : " ") plain }
    else value(name "_item")
  }
  at++
  put(name, words, "")
}
function object(prefix,   key) {
  at++
  while (substr(s, at, 1) != "}") {
    if (substr(s, at, 1) == ",") { at++; continue }
    if (substr(s, at, 1) != "\"") fail()
    string()
    key = prefix plain
    if (substr(s, at++, 1) != ":") fail()
    value(key)
  }
  at++
}
function value(name,   c) {
  c = substr(s, at, 1)
  if (c == "{") object(name "_")
  else if (c == "[") list(name)
  else if (c == "\"") { string(); put(name, plain, raw) }
  else if (match(substr(s, at), /^[a-z0-9.+-]+/)) {
    c = substr(s, at, RLENGTH)
    at += RLENGTH
    if (c == "null") c = ""
    put(name, c, c)
  } else fail()
}
NR == 1 { s = $0; at = 1; if (substr(s, 1, 1) != "{") fail(); object("") }
END { if (bad || NR != 1) exit 1; print "names=" quoted(all) }'

# A text as one word of a request.
word() {
  printf "'%s'" "$(printf %s "$1" | tr '\n' ' ' | sed "s/'/'\\\\''/g")"
}
