# Data that comes back with its release, when that comes back by a run of its own: from the newest
# backup that was made while the release was active.
#   undo_data, undo_aside   its paths, a line each; what they held lies beside them under that name
#
# Data and release change at rest, together: the data is swapped only while the link leads to the
# release that reads it. What is cut off between the two starts with neither or with both.

# Does the request ask for it? -> paths (lines), D
regain_asked() {
  paths=
  [ -z "${a_paths-}" ] || data_asked
}

# The newest backup of the release that has all of the paths -> b, about_*, archive
backup_of_release() {
  known_backups
  newest=
  for b in $known; do
    ! about "$b" || [ "$about_release" != "$a_release" ] || ! over_paths in_backup "$paths" || newest=$b
  done
  b=$newest
  about "$b"
}

in_backup() {
  case $NL$about_paths$NL in *"$NL$1$NL"*) ;; *) return 1 ;; esac
}

# Unpack it beside the data, before the trial begins: whatever is wrong changes nothing.
regain() {
  [ -n "$paths" ] || return 0
  backup_of_release || leave no "no backup of the data was made here while $a_release was active"
  over_paths is_data_there "$paths"
  data_holds
  within=
  over_paths bring_beside "$paths"
  point data_unpacked
  sync
  put data "$b"
}

is_data_there() {
  [ -e "$1" ] || leave no "there is no data at $1 to take the place of: bring it back with fleet hosts restore"
}

# What a way back needs to know of it: part of `undo`.
note_data() {
  note undo_data "$paths"
  [ -n "$paths" ] || return 0
  note undo_aside "$now-$own_pid"
  note undo_freeze "${a_freeze-}"
  note undo_thaw "${a_thaw-}"
  note undo_data_env "${a_data_env-}"
}

# What writes to the data stops, if it is still to be swapped.
rest_for_data() {
  undo_data=
  load undo
  [ -n "$undo_data" ] && ! over_paths is_aside "$undo_data" || return 0
  still "$undo_data" "$undo_aside" "$a_release" || leave failed "$reason"
}

regain_now() {
  [ -n "$undo_data" ] || return 0
  moving_again || leave failed "bringing the data back: $reason"
  over_paths is_aside "$undo_data" || leave failed "the data was not brought back: $B is not what it was"
  over_paths drop_new "$undo_data"
  point regained
}

is_aside() {
  beside "$1"
  [ -e "$B/$undo_aside" ]
}

is_not_aside() {
  ! is_aside "$1"
}

# The way back from there: what was there takes its place again, at rest as well. Fails with a reason.
rest_to_return() {
  [ -n "${undo_data-}" ] && ! over_paths is_not_aside "$undo_data" || return 0
  a_freeze=$undo_freeze a_thaw=$undo_thaw a_data_env=$undo_data_env a_hook_timeout=$undo_timeout
  still "$undo_data" "$undo_aside" "$back" 1
}

# Once the trial is over, what the release that came and went had made of the data stays beside it
# as what a restore takes away does.
keep_returned() {
  [ -z "${undo_data-}" ] || over_paths keep_aside "$undo_data"
}

keep_aside() {
  beside "$1"
  [ ! -e "$B/new$1" ] || mv "$B/new$1" "$B/$now-$own_pid"
  drop_new "$1"
} 2>/dev/null
