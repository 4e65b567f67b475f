# Answers: one JSON object a line.

# json(s): the inside of a JSON string; bytes that are not UTF-8 become "?".
AWK_JSON='
function json(s,   i, j, c, o, d, k, lo, hi, out) {
  if (s !~ /[^] !#-[^-~]/) return s
  if (!("a" in ord)) for (i = 1; i < 256; i++) ord[sprintf("%c", i)] = i
  for (i = 1; i <= length(s); i++) {
    c = substr(s, i, 1)
    o = ord[c]
    if (c == "\"" || c == "\\") out = out "\\" c
    else if (c == "\n") out = out "\\n"
    else if (c == "\t") out = out "\\t"
    else if (o < 32 || o == 127) out = out sprintf("\\u%04x", o)
    else if (o < 128) out = out c
    else {
      k = o < 194 || o > 244 ? 0 : o < 224 ? 1 : o < 240 ? 2 : 3
      lo = o == 224 ? 160 : o == 240 ? 144 : 128
      hi = o == 237 ? 159 : o == 244 ? 143 : 191
      for (j = 1; j <= k; j++) {
        d = ord[substr(s, i + j, 1)]
        if (d < lo || d > hi) break
        lo = 128
        hi = 191
      }
      if (k && j > k) { out = out substr(s, i, k + 1); i += k } else out = out "?"
    }
  }
  return out
}'

# A JSON string -> E.
esc() {
  # shellcheck disable=SC3026
  case $1 in
    *[!]\ !#-[^-~]*)
      E=$(printf '%s\n' "$1" | awk "$AWK_JSON"'
        { printf "%s%s", (NR > 1 ? "\\n" : "\""), json($0) } END { print "\"" }') ;;
    *) E=\"$1\" ;;
  esac
}

# Add a field to the answer: a string; a string or null; JSON as it stands.
put() {
  esc "$2"
  J="$J,\"$1\":$E"
}
put_or_null() {
  if [ -n "$2" ]; then put "$1" "$2"; else raw "$1" null; fi
}
raw() {
  J="$J,\"$1\":$2"
}

# Words as a JSON list of strings.
words() {
  list=
  # shellcheck disable=SC2086
  for word in $2; do list="$list,\"$word\""; done
  raw "$1" "[${list#,}]"
}

# The final line of a request, and the end of the operation. A payload nobody took is drained.
answer() {
  [ "$payload" = 0 ] || head -c "$payload" <&3 >/dev/null
  esc "$2"
  printf '{"id":%s,"status":"%s","reason":%s%s}\n' "$id" "$1" "$E" "$J"
  exit 0
}
