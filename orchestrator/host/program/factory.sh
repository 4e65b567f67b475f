# The golden release of a package, which no retention removes.
#   factory   its name

# -> golden; empty when there is none.
load_golden() {
  golden=
  [ ! -f "$S/factory" ] || read -r golden <"$S/factory" || :
  is_name "$golden" || golden=
}

# Pin the release of the version that the plan calls golden, if it is here whole and was proved: the
# active one, else one that was committed.
pin_golden() {
  load_golden
  [ -n "${a_factory-}" ] || return 0
  if [ "${golden%-*}" = "$a_factory" ] && is_complete "$golden"; then return; fi
  completes
  for release in $complete $active; do
    [ "${release%-*}" = "$a_factory" ] || continue
    [ "$release" = "$active" ] || was_committed "$release" || continue
    golden=$release
  done
  [ "${golden%-*}" != "$a_factory" ] || write_durably "$S/factory" "$golden"
}

was_committed() {
  grep -hsF '"op":"commit"' "$S/history.1.jsonl" "$S/history.jsonl" |
    grep -F "\"release\":\"$1\"" | grep -qF '"status":"ok"'
}

describe_golden() {
  load_golden
  put_or_null golden "$golden"
}
