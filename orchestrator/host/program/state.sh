# Files under the state folder: whole or not at all, and on disk when an undo depends on them.

flush() {
  sync "$@" 2>/dev/null || sync
}

# One rename(2), also over a link to a folder.
rename_over() {
  mv -T -f "$1" "$2" 2>/dev/null ||
    python3 -c 'import os, sys; os.replace(*sys.argv[1:])' "$1" "$2" 2>/dev/null ||
    perl -e 'rename $ARGV[0], $ARGV[1] or exit 1' "$1" "$2" 2>/dev/null
}

# Replace a file by this text.
write() {
  printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
}

# The same, and on disk before it returns.
write_durably() {
  printf '%s\n' "$2" >"$1.new" && flush "$1.new" && mv -f "$1.new" "$1" && flush "${1%/*}"
}

# How many lines a file has; 0 when it is not there.
count_lines() {
  if [ -f "$1" ]; then grep -c . "$1"; else echo 0; fi
}

# A text quoted for sh -> Q.
quote() {
  Q='' rest=$1
  while :; do
    case $rest in
      *\'*) Q="$Q${rest%%\'*}'\\''" rest=${rest#*\'} ;;
      *) break ;;
    esac
  done
  Q="'$Q$rest'"
}

# Add `name='value'` to the record in T.
note() {
  quote "$2"
  T="$T$1=$Q$NL"
}

# Does a record begin as one that was written from T?
sound() {
  IFS= read -r first_line <"$S/$1"
  case $first_line in
    '' | "$1"_[a-z]*=\'*) ;;
    *) return 1 ;;
  esac
}

# Read a record, if it is there; what begins otherwise is not run.
load() {
  [ -f "$S/$1" ] || return 0
  sound "$1" || answer failed "$S/$1 is damaged: look at it, and remove it"
  # shellcheck disable=SC1090
  . "$S/$1"
}

# Add a line to the host's history; further arguments are JSON fields.
history() {
  esc "${a_run-}"
  printf '{"t":%s,"at":"%s","op":"%s","run":%s,"token":%s%s}\n' \
    "$now" "$1" "$2" "$E" "${highest:-0}" "$3" >>"$S/history.jsonl"
}

# The fields that tell which release and which trial a history line is about -> about.
tell_about() {
  about=
  [ -z "${a_release-}" ] || { esc "$a_release"; about="$about,\"release\":$E"; }
  [ -z "${a_nonce-}" ] || { esc "$a_nonce"; about="$about,\"nonce\":$E"; }
}
