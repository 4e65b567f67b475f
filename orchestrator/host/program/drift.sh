# Drift: what differs on the host from what was signed.

# When it is set, only files that changed since this time are hashed.
newer=

do_verify() {
  places
  places_now
  : "${a_release:=$active}"
  [ -n "$a_release" ] || answer no "nothing is active"
  need_release
  about_release "$a_release"
  : "${a_manifest:=$digest}"
  [ -z "$a_manifest" ] || need_manifest
  if [ -n "${a_within-}" ]; then
    is_number "$a_within" || answer error "not a number of seconds: $a_within"
    clock
    newer=$((now - a_within))
  fi
  proof "$R" "$a_manifest" extra
  put_or_null active "$active"
  for kind in modified missing extra wrong_mode; do list_found $kind 100; done
  put proof "$why"
  if [ -n "$why" ] && [ -z "$found" ]; then answer failed "$why"; fi
  answer ok ''
}

# The hash lines in `lines` whose files changed since `newer`.
recent() {
  {
    printf '%s\n\n' "$lines"
    find . -path ./.fleet -prune -o -type f -printf '%C@ %p\n' 2>/dev/null ||
      find . -path ./.fleet -prune -o -type f -exec stat -c '%Z %n' {} +
  } | awk -v since="$newer" '
    !all { if ($0 == "") all = 1; else line[substr($0, 67)] = $0; next }
    $1 >= since { p = substr($0, index($0, " ") + 1); if (p in line) print line[p] }'
}

# list_found <kind> <limit>: the paths found to differ in one way, and how many there are.
list_found() {
  list=$(printf '%s\n' "$found" | awk -v kind="!$1" -v limit="$2" "$AWK_JSON"'
    $1 == kind {
      p = substr($0, length(kind) + 2)
      gsub(/%0A/, "\n", p)
      gsub(/%25/, "%", p)
      if (++n <= limit) out = out (n > 1 ? "," : "") "\"" json(p) "\""
    }
    END { print n + 0 " [" out "]" }')
  raw "$1" "${list#* }"
  raw "$1_count" "${list%% *}"
}
