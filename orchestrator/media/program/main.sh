# The command line and the menu.

show() {
  say "medium $medium, plan $plan; this host is $host"
  look
  for n in $numbers; do
    seen "$n"
    say "  $package: the medium has $release"
    say "    active: ${f_active:-nothing}, previous: ${f_previous:-none}"
    [ -z "${f_trial_release-}" ] || say "    on trial: $f_trial_release, for $f_trial_remaining s more"
    is_there || continue
    say '    it is there, and proved'
  done
  close_session
}

# A dry run: what a run would look at before it changes anything.
check() {
  run=check result='done' why='' tail='' facts=''
  do_check
  close_session
  case $result in
    done) code=0; releases_whole; say 'it may be installed' ;;
    already) code=0; say 'it is there already, and proved' ;;
    *) code=2; say "it may not be installed: $(plain "$why")" ;;
  esac
}

verify() {
  code=0
  for n in $numbers; do
    about "$n"
    ask "$(cat "$H/$n.verify")"
    damage=$((${f_modified_count:-0} + ${f_missing_count:-0} + ${f_wrong_mode_count:-0}))
    if [ "$f_status" = ok ] && [ "$damage" = 0 ]; then
      say "  $package: $f_active is what was signed"
    else
      code=2
      say "  $package: ${f_reason:-${f_proof-}} ${f_modified-} ${f_missing-} ${f_wrong_mode-}"
    fi
  done
  close_session
}

agreed() {
  [ -z "$yes" ] || return 0
  [ -n "$asks" ] || die 5 'nobody can be asked here' 'add --yes'
  printf '%s [y/N] ' "$1"
  read -r reply || reply=
  case $reply in [yY]*) ;; *) say 'left as it is'; return 1 ;; esac
}

# What changes this host, and is written down.
change() {
  agreed "$1 on $host?" || return 0
  [ "$1" != install ] || releases_whole
  open_records
  alone
  "$1"
  [ -z "$results" ] && [ ! -w "$M" ] || save
  let_loose
}

act() {
  code=0
  case $1 in
    show) show ;;
    check) check ;;
    install | back) change "$1" ;;
    verify) verify ;;
    save) open_records; save ;;
  esac
}

# An action of the menu, which outlives it.
aside() (
  trap let_loose EXIT
  act "$1"
)

menu() {
  while :; do
    cat <<TEXT

fleet medium $medium, plan $plan, host $host
  1  show what is installed here, and what the medium has
  2  check whether it may be installed; changes nothing
  3  install
  4  go back to what was active before
  5  verify what is active
  6  save the results
  q  quit
TEXT
    printf 'what? '
    read -r reply || reply=q
    case $reply in
      1) aside show ;;
      2) aside check ;;
      3) aside install ;;
      4) aside back ;;
      5) aside verify ;;
      6) aside save ;;
      q) exit 0 ;;
    esac
  done
}

host='' chosen='' yes='' results='' asks=
[ ! -t 0 ] || asks=1
while [ $# -gt 0 ]; do
  case $1 in
    --host | --results)
      [ $# -gt 1 ] || { usage >&2; exit 5; }
      case $1 in --host) host=$2 ;; *) results=$2 ;; esac
      shift ;;
    --show | --check | --install | --back | --verify | --save) chosen=${1#--} ;;
    --yes) yes=1 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 5 ;;
  esac
  shift
done
[ -n "$chosen$asks" ] || { usage >&2; exit 5; }
trap clean_up EXIT
trap interrupted HUP INT TERM
which_host
read_medium
[ -n "$chosen" ] || menu
act "$chosen"
exit "$code"
