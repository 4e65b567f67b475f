# Running the text of a hook, a step or a check, in a session of its own.
#
# The text goes in through a descriptor and its environment inside it, so that neither shows in `ps`.
# Whoever reads the output never waits for its end (a service that a hook started may hold it open)
# but for a marker that is written when the hook's shell has ended.

# run_script <text> <seconds> <folder>: -> code (exit status), timed (1 when it took too long), tail
# (the last 8 KiB of its output), last (its last line).
run_script() {
  know_self
  marker=fleet-$own_pid-$own_start
  exec 4>&1
  result=$(supervise "$@" 2>/dev/null 4>&- | collect)
  exec 4>&-
  code=${result%% *} result=${result#* }
  timed=${result%%"$NL"*} tail=
  case $result in *"$NL"*) tail=${result#*"$NL"} ;; esac
  [ ${#tail} -le 8192 ] || tail=$(printf %s "$tail" | tail -c 8192)
  last=${tail##*"$NL"}
  [ ${#last} -le 300 ] || last=$(printf %.300s "$last")
}

# The same for who holds the mark (lock.sh). Should that be killed alone, what it runs lives on.
run_as_holder() {
  running=$S/running
  run_script "$@"
  running=
}
running=

# What became of it -> reason.
outcome() {
  case $timed$code in
    1*) reason="timed out after $1 s" ;;
    00) reason=$last ;;
    *) reason="exit status $code${last:+: $last}" ;;
  esac
}

# Whoever ends first, the hook or the time, ends the other.
supervise() {
  sleep "$2" >/dev/null 2>&1 &
  alarm=$!
  work "$1" "$3" 2>/dev/null &
  worker=$!
  timed=0
  if wait "$alarm"; then
    timed=1
    end "$worker"
  fi
  wait "$worker"
  printf '\n%s %s %s\n' "$marker" "$?" "$timed"
}

work() {
  launch "$@" 2>&1 &
  wait "$!"
  ended=$?
  kill "$alarm"
  exit "$ended"
}

launch() {
  [ -z "$running" ] || tell_running || exit 125
  umask 022
  if [ -n "$login_locale" ]; then LC_ALL=$login_locale; else unset LC_ALL; fi
  cd "$2" 2>/dev/null || { echo "no folder $2"; exit 125; }
  exec setsid sh /dev/fd/9 </dev/null 9<<TEXT
exec 9<&-;$1
TEXT
}

# Write down who we are, whose process id the text will have. Whoever finds the holder dead afterwards
# reads that; and who found it dead before, so do we.
tell_running() {
  boss=$own_pid boss_start=$own_start
  know_self
  echo "$own_pid $own_start" >"$running"
  started "$boss" && [ "$start" = "$boss_start" ]
} 2>/dev/null

# Read output up to the marker, pass lines on when asked to, and print "code timed", then the tail.
collect() {
  trap '' PIPE
  old='' new='' line='' passed=0
  [ "${a_live-}" = 1 ] || passed=1000
  while fetch; do
    if [ $((${#new} + ${#chunk})) -gt 8192 ]; then old=$new new=$chunk; else new=$new$chunk; fi
    [ "$passed" -ge 1000 ] || pass_on
    case $old$new in *"$NL$marker "*"$NL"*) break ;; esac
  done
  case $old$new in
    *"$NL$marker "*) ;;
    *) new="$new$NL$marker 255 0" ;;
  esac
  old=$old$new
  new=${old##*"$NL$marker "}
  printf '%s\n%s' "${new%%"$NL"*}" "${old%"$NL$marker "*}"
}

# The next bytes -> chunk; a shell drops NULs, so nothing left of them is looked at twice.
fetch() {
  chunk=$(dd bs=8192 count=1 2>/dev/null; echo .)
  [ "$chunk" = . ] || { chunk=${chunk%.}; return; }
  chunk=$(dd bs=8192 count=1 2>/dev/null | tr '\000' '?'; echo .)
  chunk=${chunk%.}
  [ -n "$chunk" ]
}

pass_on() {
  line=$line$chunk
  while case $line in *"$NL"*) ;; *) [ ${#line} -gt 8192 ] ;; esac && [ "$passed" -lt 1000 ]; do
    text=${line%%"$NL"*}
    [ "$line" != "$NL" ] || return
    if [ "$text" = "$line" ]; then line=; else line=${line#*"$NL"}; fi
    case $text$line in "$marker "*) line='' passed=1000; return ;; esac
    esc "$text"
    printf '{"id":%s,"output":%s}\n' "$id" "$E" >&4
    passed=$((passed + 1))
  done 2>/dev/null
}
