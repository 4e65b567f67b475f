# The boot hook: what starts the watchdog of a trial after a reboot or a power cut.
#   hook      "<kind> <name>": what is hung up, to be taken down when the trial is over; with a third
#             word, "left", what could not be taken down: whoever hangs up or takes down next tries again
#
# A kind has three functions: has_<kind> (can it be had here?), hang_<kind>, drop_<kind>. What they write
# is whole or as it was before.

KINDS='systemd cron openrc rc_local'
etc=${FLEET_SYSROOT-}/etc run=${FLEET_SYSROOT-}/run

# Hang up the hook for this trial's package -> hook_kind, hook_name; an empty kind says that none
# could be, and hook_trouble why. One that hangs already stays, whether or not it could be had now.
hang_hook() {
  hook_trouble='' wanted=$trial_hook
  [ "$wanted" != auto ] || wanted=$KINDS
  own_hook=fleet-$(printf '%s' "$P $S" | sha256sum | head -c 12)
  load_hook
  case " $wanted  $own_hook" in *" $hook_kind "*" $hook_name") ! hang "$hook_kind" || return 0 ;; esac
  take_hook_down
  case $S$P in *[!A-Za-z0-9/._+@,=~-]*) hook_trouble="the paths $P and $S need quotes"; return ;; esac
  for one_kind in $wanted; do
    case " $KINDS " in *" $one_kind "*) ;; *) continue ;; esac
    ! "has_$one_kind" || ! hang "$one_kind" || return 0
  done
  hook_trouble="there is none of ${wanted} here that user $(id -un) may use"
  [ "$wanted" != none ] || hook_trouble="fleet_boot_hook of this host says none"
}

# It is in the record before it is anywhere.
hang() {
  hook_kind=$1 hook_name=$own_hook
  keep_hooks || { hook_kind=; return 1; }
  point hook_noted
  ! "hang_$1" >/dev/null 2>&1 || return 0
  take_hook_down
  return 1
}

# What cannot be taken down now is left: until the next trial, or until the hook itself starts a watchdog
# that finds no trial.
take_hook_down() {
  [ -f "$S/hook" ] || return 0
  load_hook
  down="$hook_left${hook_kind:+ $hook_kind:$hook_name}" hook_kind='' hook_left=
  for one_hook in $down; do
    hook_name=${one_hook#*:}
    "drop_${one_hook%%:*}" >/dev/null 2>&1 || hook_left="$hook_left $one_hook"
  done
  point hook_down
  keep_hooks
}

# -> hook_kind, hook_name; hook_left, each as "<kind>:<name>".
load_hook() {
  hook_kind='' hook_name='' hook_left=
  [ -f "$S/hook" ] || return 0
  while read -r one_kind one_name left; do
    case " $KINDS " in *" $one_kind "*) is_name "$one_name" || continue ;; *) continue ;; esac
    [ -n "$left" ] || { hook_kind=$one_kind hook_name=$one_name; continue; }
    case "$hook_left " in *" $one_kind:$one_name "*) ;; *) hook_left="$hook_left $one_kind:$one_name" ;; esac
  done <"$S/hook"
}

keep_hooks() {
  hooks=${hook_kind:+$hook_kind $hook_name$NL}
  for one_hook in $hook_left; do hooks="$hooks${one_hook%%:*} ${one_hook#*:} left$NL"; done
  if [ -n "$hooks" ]; then write_durably "$S/hook" "${hooks%"$NL"}"; else rm -f "$S/hook"; fi
}

# Other packages have their lines in the same file: one process of this user edits it at a time, the
# one that `.fleet-hooks`, a symlink to "<pid>.<start>", leads to.
alone() {
  know_self
  hold_hooks || return
  "$@"
  edited=$?
  rm -f "$hooks_mark"
  return "$edited"
}

# In the first of these folders that is this user's own, and may be written in. A living holder is
# waited for.
hold_hooks() {
  for folder in "$etc" "$run" "${HOME-}" "$a_state"; do
    [ -O "$folder" ] || continue
    hooks_mark=$folder/.fleet-hooks waited=0 odd=0
    until ln -s "$own_pid.$own_start" "$hooks_mark" 2>/dev/null; do
      if is_held; then waited=$((waited + 1)); nap 0.1; else odd=$((odd + 1)); free_hooks; fi
      [ "$waited" -lt 100 ] || return 1
      [ "$odd" -lt 10 ] || continue 2
    done
    return 0
  done
  return 1
}

is_held() {
  holder=$(readlink "$hooks_mark") && started "${holder%.*}" && [ "$start" = "${holder#*.}" ]
}

# Take a dead holder's mark away. Should another have replaced it meanwhile, give that one back.
free_hooks() {
  mv -f "$hooks_mark" "$hooks_mark.$own_pid" 2>/dev/null || return
  found=$(readlink "$hooks_mark.$own_pid")
  [ "$found" = "$holder" ] || ln -s "$found" "$hooks_mark" 2>/dev/null
  rm -f "$hooks_mark.$own_pid"
}

# What runs the watchdog: for those who start it again themselves, and for those who do not.
watch_command() {
  echo "$(command -v sh) $S/program watchdog $a_package $a_root $a_state"
}
respawn_command() {
  echo "setsid $(command -v sh) -c '$(printf %s "$RESPAWN" | tr '\n' ';')' $S/program $a_package $a_root $a_state"
}

has_systemd() {
  [ -d "$run/systemd/system" ] && [ -w "$etc/systemd/system" ]
}

# Early, and beside everything else, so that a boot that hangs does not hold it up. To systemd an end by
# SIGTERM is no failure, and to us it is; when the trial is over, the unit is gone before its process is.
hang_systemd() {
  mkdir -p "$etc/systemd/system/sysinit.target.wants" || return
  write_durably "$etc/systemd/system/$hook_name.service" "[Unit]
Description=Trial of $a_package by fleet: goes back unless it is confirmed
DefaultDependencies=no
After=local-fs.target
Conflicts=shutdown.target
Before=shutdown.target
RequiresMountsFor=$S $P
StartLimitIntervalSec=0
[Service]
ExecStart=$(watch_command)
StandardOutput=null
Restart=on-failure
RestartForceExitStatus=SIGTERM SIGHUP SIGINT SIGPIPE
RestartSec=1
KillMode=process" || return
  ln -sf "../$hook_name.service" "$etc/systemd/system/sysinit.target.wants/" && flush "$etc/systemd/system" &&
    systemctl daemon-reload </dev/null
}

drop_systemd() {
  rm -f "$etc/systemd/system/sysinit.target.wants/$hook_name.service" "$etc/systemd/system/$hook_name.service" || return
  systemctl daemon-reload </dev/null || :
}

# Only a cron that runs starts anything.
has_cron() {
  command -v crontab && ( set +f; cat /proc/[0-9]*/comm ) | grep -qxE 'cron|crond|cronie'
} >/dev/null 2>&1

# The second line also starts a watchdog anew when all that the first one started was killed.
hang_cron() {
  alone edit_jobs "@reboot $(respawn_command) # $hook_name
* * * * * setsid $(watch_command) # $hook_name
"
}

drop_cron() {
  alone edit_jobs ''
}

# Put these jobs in place of those of the hook, and leave the user's own as they are.
edit_jobs() {
  read_jobs || return
  others=$(printf %s "$jobs" | sed "/# $hook_name\$/d" && echo .) || return
  others=${others%.}
  [ "$others$1" != "$jobs" ] || return 0
  printf %s "$others$1" | crontab -
}

# Where they can neither be read nor are none, nothing may be written: they would be lost. That there
# are none is told by cron in its own words, and by busybox as a file that is not there.
read_jobs() {
  if jobs=$(crontab -l 2>/dev/null && echo .); then
    jobs=${jobs%.}
    case $jobs in '' | *"$NL") ;; *) jobs=$jobs$NL ;; esac
  else
    jobs=$(crontab -l 2>&1) && return 1
    case $jobs in *'no crontab for '* | *"can't open "*": No such file or directory") jobs= ;; *) return 1 ;; esac
  fi
}

has_openrc() {
  [ -d "$run/openrc" ] && [ -w "$etc/local.d" ] && command -v rc-update >/dev/null
}

hang_openrc() {
  write_durably "$etc/local.d/$hook_name.start" "#!/bin/sh
$(respawn_command) </dev/null >/dev/null 2>&1 &" && chmod 755 "$etc/local.d/$hook_name.start" &&
    rc-update -q add local default
}

drop_openrc() {
  rm -f "$etc/local.d/$hook_name.start"
}

has_rc_local() {
  [ ! -d "$run/systemd/system" ] && [ -x "$etc/rc.local" ] && [ -w "$etc" ]
}

# Right after the first line, since the last one is often `exit 0`.
hang_rc_local() {
  alone rewrite_rc_local "$(respawn_command) </dev/null >/dev/null 2>&1 & # $hook_name"
}

drop_rc_local() {
  [ ! -e "$etc/rc.local" ] || alone rewrite_rc_local ''
}

rewrite_rc_local() {
  theirs=$(sed "/# $hook_name\$/d" "$etc/rc.local" && echo .) || return
  theirs=${theirs%.}
  shebang=${theirs%%"$NL"*} new=$etc/rc.local.$hook_name
  theirs=${theirs#"$shebang"}
  cp -p "$etc/rc.local" "$new" && printf '%s\n%s' "$shebang" "$1${1:+$NL}${theirs#"$NL"}" >"$new" &&
    flush "$new" && mv -f "$new" "$etc/rc.local" && return
  rm -f "$new"
  return 1
}
