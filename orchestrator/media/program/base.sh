#!/bin/sh
# Installs releases on this host from this medium, with no network and nothing installed first:
#
#   sh install.sh                       a menu
#   sh install.sh --install --yes       without questions; --help tells more
#
# It runs the medium's copy of fleet's host program, as `fleet apply` does over SSH, and asks it for the
# same operations in the same order. What it does is written down in <state>/.media on this host.
#
# shellcheck disable=SC2154
#   (answers of the host program are read with `.`, so that their names seem unassigned)

set -uf
umask 077
unset CDPATH
TAB=$(printf '\t')
M=$(cd "$(dirname "$0")" && pwd -P) || exit 5
work=
running=

# say <line>; complain <line>; die <exit code> <what happened> [<what to do>]
say() { printf '%s\n' "$*"; }
complain() { printf 'install.sh: %s\n' "$*" >&2; }
die() {
  complain "$2"
  [ -z "${3-}" ] || printf '  hint: %s\n' "$3" >&2
  exit "$1"
}

# Let go of what an action holds on to.
let_loose() {
  close_session
  [ -z "$running" ] || rm -f "$running"
  running=
}

clean_up() {
  let_loose
  [ -z "$work" ] || rm -rf "$work"
}

interrupted() {
  complain 'interrupted: a trial that is on goes back by itself; to go on, run this again'
  exit 99
}

# The inside of a JSON string as plain text.
plain() { printf %s "$1" | sed 's/\\n/ /g;s/\\\(["\\]\)/\1/g'; }

usage() {
  cat <<'TEXT'
usage: sh install.sh [--host NAME] [ACTION] [--yes] [--results FOLDER]

  --show       what is installed here, and what the medium has
  --check      probe this host and run its pre-checks; changes nothing
  --install    stage, activate, validate, confirm, commit; goes back by itself when one fails
  --back       go back to what was active before this medium's release
  --verify     hash what is active against its signed manifest
  --save       write what was done here to the medium, or to --results FOLDER

Without an action there is a menu. --host is which host of the plan this is; without it the host's own
name tells. --yes asks no question. Exit codes are those of fleet: 0 this host is as the plan says; 2 it
failed or went back; 5 wrong usage; 6 the medium is damaged; 99 interrupted.
TEXT
}
