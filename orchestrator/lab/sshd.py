"""Hosts of real OpenSSH: one daemon for each, its configuration, its rise and fall."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.daemons import clean_environment, end_daemons, start_relay
from orchestrator.lab.login import search_path, shell_name
from orchestrator.lab.openssh import Sshd
from orchestrator.lab.ownership import all_processes, daemon_processes
from orchestrator.lab.processes import (
    continue_all,
    end_all,
    look_up,
    running,
    spawn,
    stop_all,
)
from orchestrator.lab.record import Intent
from orchestrator.lab.spec import MARKER, Condition, LabHost, LabPaths

_NEW_PENALTIES = (9, 8)
_HELPERS = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}

# sshd's SetEnv can set HOME, but sshd changes to the home folder of passwd(5) all the same. A
# ForceCommand would mend that, and would no longer run commands verbatim; bash and zsh read a
# file in HOME before the command, also when they are not interactive.
_START = "FLEET_LAB_START"
_START_FILES = {"bash": ".bashrc", "zsh": ".zshenv"}
_START_TEXT = f"""\
if [ -n "${{{_START}-}}" ]; then
  unset {_START}
  cd "$HOME"
  unset OLDPWD
fi
"""


@dataclass(frozen=True, slots=True)
class SshdDaemons:
    """One ``sshd`` for each host."""

    paths: LabPaths
    sshd: Sshd

    def apply(self, hosts: Sequence[LabHost], intent: Intent) -> None:
        """Bring some hosts to an intent."""
        actions: Mapping[Condition, Callable[[Sequence[LabHost], Intent], None]] = {
            Condition.UP: self._serve,
            Condition.SLOW: self._serve_slowly,
            Condition.CUT: self._cut,
            Condition.DOWN: self._kill,
            Condition.FROZEN: self._freeze,
        }
        actions[intent.condition](hosts, intent)

    def is_serving(self, host: LabHost) -> bool:
        """Tell whether the host's listener lives, and the relay before it, if there is one."""
        relay = host.relay_pid
        return bool(running(host.sshd_pid)) and (not relay.exists() or bool(running(relay)))

    def end(self, hosts: Sequence[LabHost]) -> None:
        """End all that runs on the hosts."""
        end_all(partial(all_processes, self.paths, hosts))

    def _serve(self, hosts: Sequence[LabHost], _intent: Intent) -> None:
        backstage = [host for host in hosts if host.relay_pid.exists()]
        if backstage:
            end_daemons(self.paths, backstage)
        missing = [host for host in hosts if not running(host.sshd_pid)]
        self._start(missing, lambda host: host.port)
        if any(_is_stopped(host) for host in hosts):
            continue_all(all_processes(self.paths, hosts))

    def _serve_slowly(self, hosts: Sequence[LabHost], intent: Intent) -> None:
        end_daemons(self.paths, hosts)
        for host in hosts:
            host.relay_pid.touch()
        self._start(hosts, lambda host: host.backstage_port)
        if intent.slowness:
            for host in hosts:
                start_relay(host, intent.slowness)

    def _cut(self, hosts: Sequence[LabHost], _intent: Intent) -> None:
        end_daemons(self.paths, hosts)

    def _kill(self, hosts: Sequence[LabHost], _intent: Intent) -> None:
        end_all(partial(all_processes, self.paths, hosts))
        end_daemons(self.paths, hosts)

    def _freeze(self, hosts: Sequence[LabHost], _intent: Intent) -> None:
        stop_all(partial(daemon_processes, self.paths, hosts))

    def _start(self, hosts: Sequence[LabHost], port_of: Callable[[LabHost], int]) -> None:
        for host in hosts:
            self._prepare(host)
        if hosts:
            self._check(hosts[0])
        environment = clean_environment(self.sshd.environment)
        for host in hosts:
            port = str(port_of(host))
            spawn(
                [str(self.sshd.path), "-D", "-e", "-f", str(host.config), "-p", port],
                log=host.log,
                pid_file=host.sshd_pid,
                environment=environment,
            )

    def _prepare(self, host: LabHost) -> None:
        start_file = _START_FILES.get(shell_name())
        if start_file and not (host.home / start_file).exists():
            (host.home / start_file).write_text(_START_TEXT)
        host.config.write_text(configuration(self.paths, host, self.sshd))

    def _check(self, host: LabHost) -> None:
        """Let sshd check a configuration, and as root make the folder for its unprivileged half."""
        complaint = self._test_configuration(host)
        folder = re.search(r"Missing privilege separation directory: (\S+)", complaint)
        if folder:
            Path(folder[1]).mkdir(mode=0o755, parents=True, exist_ok=True)
            complaint = self._test_configuration(host)
        if complaint:
            raise LabError(
                f"{self.sshd.path} does not accept its configuration: {complaint}",
                hint=f"look at {host.config}, or use `--kind embedded`",
            )

    def _test_configuration(self, host: LabHost) -> str:
        result = subprocess.run(
            [self.sshd.path, "-t", "-f", host.config],
            env=clean_environment(self.sshd.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        return (result.stderr.strip() or "no reason given") if result.returncode else ""


def configuration(paths: LabPaths, host: LabHost, sshd: Sshd) -> str:
    """Return a host's ``sshd_config`` (sshd_config(5)); the port comes from the command line."""
    variables = {
        "HOME": host.home,
        "TMPDIR": host.tmp,
        "PATH": search_path(host.bin),
        MARKER: paths.marker(host.name),
    }
    if shell_name() in _START_FILES:
        variables[_START] = "1"
    lines = [
        f"ListenAddress {host.address}",
        f"HostKey {host.key}",
        f"AuthorizedKeysFile {paths.authorized_keys}",
        "AuthenticationMethods publickey",
        "PermitRootLogin prohibit-password",
        "StrictModes no",
        "UsePAM no",
        "PidFile none",
        "PermitUserRC no",
        "PrintMotd no",
        "PrintLastLog no",
        "MaxAuthTries 20",
        "MaxSessions 100",
        "MaxStartups 1000",
        f"Subsystem sftp internal-sftp -d {host.home}",
        "SetEnv " + " ".join(f"{name}={value}" for name, value in variables.items()),
    ]
    if sshd.version >= _NEW_PENALTIES:
        lines.append("PerSourcePenalties no")
    for option, program in _HELPERS.items():
        if sshd.helpers and (sshd.helpers / program).exists():
            lines.append(f"{option} {sshd.helpers / program}")
    return "\n".join(lines) + "\n"


def _is_stopped(host: LabHost) -> bool:
    identity = running(host.sshd_pid)
    process = look_up(identity.pid) if identity else None
    return process is not None and process.stopped
