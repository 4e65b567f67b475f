# The session: requests come in, one after the other.

# Reads requests until the input ends, then ends what still runs for them.
serve() {
  [ -n "${FLEET_DEBUG-}" ] || exec 2>/dev/null
  job=
  while IFS= read -r request; do
    [ -z "$job" ] || wait "$job"
    job=
    if ! is_number "${request%% *}"; then
      printf '{"id":0,"status":"error","reason":"not a request"}\n'
      continue
    fi
    case $request in
      "${request%% *} stage "* | "${request%% *} repair "* | "${request%% *} restore "*" bytes="*) attend 3<&0 </dev/null || break ;;
      *) attend </dev/null & job=$! ;;
    esac
  done
  [ -z "$job" ] || ! started "$job" || end "$job"
}

# Carry one request out in a process of its own, and see to it that it is answered.
attend() {
  # shellcheck disable=SC2119
  ( dispatch ) && return
  id=${request%% *}
  printf '{"id":%s,"status":"ended","reason":"the operation was ended on the host"}\n' "$id"
  return 1
}

# shellcheck disable=SC2120
dispatch() {
  J='' payload=0
  eval "set -- $request"
  id=$1 op=$2
  shift 2
  is_number "$id" || id=0
  for word; do
    case ${word%%=*} in
      '' | *[!a-z_0-9]*) ;;
      *) eval "a_${word%%=*}=\${word#*=}" ;;
    esac
  done
  case $op in
    ping | facts | probe | check | verify | history | stage | activate | confirm | commit | revert | withdraw | repair | enrol | renew | reboot | \
      recall | backup | backups | fetch | restore | diagnose | unlock)
      "do_$op" ;;
    *) answer error "no such operation: $op" ;;
  esac
}

case ${1-} in
  watchdog | minder) "$@" ;;
  *) serve ;;
esac
