# What everything else stands on: the shell's settings, processes, time.
#
# Rules of these files: a line's indentation and lines that are only a comment are not sent, so no
# quoted text may depend on them. Globals of an operation: P and S are the package's folders under
# root and state; a_<key> are the keys of the request.
#
# shellcheck disable=SC2015,SC2154
#   (`a && b || c` is meant so; records are read with `.`, so that their names seem unassigned)

set -uf
umask 022
program=${p-}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
login_locale=${LC_ALL-}
export PATH LC_ALL=C
unset CDPATH
NL='
'

# A place where a test may end the whole session, or the watchdog, with SIGKILL; or stop it there.
point() {
  [ "${FLEET_KILL_POINT-}" != "$mortal$1" ] || kill -"${FLEET_KILL_SIGNAL-9}" "$$" "$own_pid"
}
mortal=

# The start time of a living process, in clock ticks after boot -> start.
started() {
  start=
  { read -r stat_line <"/proc/$1/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086
  set -- ${stat_line##*) }
  case $1 in [ZX]) return 1 ;; esac
  shift 19
  start=$1
}

# Who we are: a subshell's own pid, which $$ is not -> own_pid, own_start.
know_self() {
  read -r own_pid _ </proc/self/stat
  started "$own_pid"
  own_start=$start
}

# Seconds since boot -> up; seconds since 1970 -> now.
clock() {
  read -r up _ </proc/uptime
  up=${up%%.*}
  now=$(date +%s)
}

nap() {
  sleep "$1" 2>/dev/null || sleep 1
}

# The living among these processes, their descendants, and all in a session that one of them leads;
# but not what a hook moved out of its session: that is a service. The first of them may lead our own
# session, which hooks do leave. Parents before children, so that none of them takes a child's death
# for an answer.
tree() {
  ( set +f; cat /proc/[0-9]*/stat 2>/dev/null ) | awk -v roots="$*" '
    function follows(q) {
      return (q in ours) && (session[q] == r[1] || !((q in session) && (session[q] in ours)))
    }
    BEGIN { n = split(roots, r, " "); for (i = 1; i <= n; i++) ours[r[i]] = 1 }
    {
      pid = $1
      sub(/^.*\) /, "")
      if ($1 !~ /[ZX]/) { parent[pid] = $2; session[pid] = $4 }
    }
    END {
      do {
        more = 0
        for (p in parent) if (!(p in ours) && ((session[p] in ours) || follows(parent[p]))) {
          ours[p] = 1
          more = 1
        }
      } while (more)
      for (p in parent) if (p in ours) print p
    }' | sort -n
}

# End these processes and all that belongs to them, also what they start meanwhile: TERM, and KILL
# after 5 s.
end() {
  told='' round=0
  # shellcheck disable=SC2086
  while living=$(tree "$@" $told); [ -n "$living" ] && [ "$round" -lt 100 ]; do
    [ "$round" -lt 50 ] || kill -KILL $living
    for one in $living; do
      case " $told " in
        *" $one "*) ;;
        *) kill -TERM "$one"; told="$told $one" ;;
      esac
    done
    [ "$round" = 0 ] || nap 0.1
    round=$((round + 1))
  done 2>/dev/null
}

# Is it a name that may become one component of a path?
is_name() {
  case $1 in
    '' | .* | *[!A-Za-z0-9._+~-]*) return 1 ;;
  esac
}

is_number() {
  case $1 in
    '' | *[!0-9]* | ???????????????*) return 1 ;;
  esac
}
