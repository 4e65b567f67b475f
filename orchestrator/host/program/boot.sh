# The boot hook: what starts the watchdog of a trial after a reboot or a power cut.
#   hook      "<kind> <name>": what was hung up, to be taken down when the trial is over
#
# A kind has three functions: has_<kind> (can it be had here?), hang_<kind>, drop_<kind>.

KINDS='systemd cron openrc rc_local'
etc=${FLEET_SYSROOT-}/etc run=${FLEET_SYSROOT-}/run

# Hang up the hook for this trial's package -> hook_kind, hook_name; an empty kind says that none
# could be, and hook_trouble why.
hang_hook() {
  hook_kind='' hook_trouble=
  hook_name=fleet-$(printf '%s' "$P $S" | sha256sum | head -c 12)
  case $S$P in *[!A-Za-z0-9/._+@,=~-]*) hook_trouble="the paths $P and $S need quotes"; return ;; esac
  wanted=$trial_hook
  case $wanted in
    auto) wanted=$KINDS ;;
    none) hook_trouble="fleet_boot_hook of this host says none"; return ;;
  esac
  for kind in $wanted; do
    case " $KINDS " in *" $kind "*) ;; *) continue ;; esac
    "has_$kind" || continue
    write_durably "$S/hook" "$kind $hook_name" || return
    point hook_noted
    "hang_$kind" >/dev/null 2>&1 && { hook_kind=$kind; return; }
    "drop_$kind" >/dev/null 2>&1
  done
  rm -f "$S/hook"
  hook_trouble="there is none of ${wanted} here that user $(id -un) may use"
}

take_hook_down() {
  load_hook
  [ -n "$hook_kind" ] || return 0
  "drop_$hook_kind" >/dev/null 2>&1
  point hook_down
  rm -f "$S/hook"
}

load_hook() {
  hook_kind='' hook_name=
  [ ! -f "$S/hook" ] || read -r hook_kind hook_name <"$S/hook" || :
  case " $KINDS " in *" $hook_kind "*) is_name "$hook_name" || hook_kind= ;; *) hook_kind= ;; esac
}

# What the hook runs.
watch_command() {
  echo "$(command -v sh) $S/program watchdog $a_package $a_root $a_state"
}

has_systemd() {
  [ -d "$run/systemd/system" ] && [ -w "$etc/systemd/system" ]
}

# Early, and beside everything else, so that a boot that hangs does not hold it up.
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
RestartSec=1
KillMode=process" || return
  ln -sf "../$hook_name.service" "$etc/systemd/system/sysinit.target.wants/" && flush "$etc/systemd/system" &&
    systemctl daemon-reload </dev/null
}

drop_systemd() {
  rm -f "$etc/systemd/system/sysinit.target.wants/$hook_name.service" "$etc/systemd/system/$hook_name.service"
  systemctl daemon-reload </dev/null
}

# Only a cron that runs starts anything.
has_cron() {
  command -v crontab && ( set +f; cat /proc/[0-9]*/comm ) | grep -qxE 'cron|crond|cronie'
} >/dev/null 2>&1

# The second line also starts a watchdog anew that was killed.
hang_cron() {
  command=$(watch_command)
  { other_jobs; printf '%s # %s\n' "@reboot setsid $command" "$hook_name" "* * * * * setsid $command" "$hook_name"; } | crontab -
}

drop_cron() {
  other_jobs | crontab -
}

other_jobs() {
  crontab -l 2>/dev/null | grep -v "# $hook_name\$"
}

has_openrc() {
  [ -d "$run/openrc" ] && [ -w "$etc/local.d" ] && command -v rc-update >/dev/null
}

hang_openrc() {
  write_durably "$etc/local.d/$hook_name.start" "#!/bin/sh
setsid $(watch_command) </dev/null >/dev/null 2>&1 &" && chmod 755 "$etc/local.d/$hook_name.start" &&
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
  rewrite_rc_local "setsid $(watch_command) </dev/null >/dev/null 2>&1 & # $hook_name"
}

drop_rc_local() {
  rewrite_rc_local ''
}

rewrite_rc_local() {
  cp -p "$etc/rc.local" "$etc/rc.local.new" &&
    { head -n 1 "$etc/rc.local"; [ -z "$1" ] || echo "$1"; tail -n +2 "$etc/rc.local" | grep -v "# $hook_name\$"; } >"$etc/rc.local.new" &&
    flush "$etc/rc.local.new" && mv -f "$etc/rc.local.new" "$etc/rc.local"
}
