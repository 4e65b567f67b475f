"""What serves the hosts of a lab: the port, and what both kinds have in common.

The record says how each host should be; pid files say what runs. `Daemons.apply` makes what runs
match, from whatever it finds, so that a command that was interrupted can simply be repeated.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol

import orchestrator
from orchestrator.errors import LabError
from orchestrator.lab.ownership import daemon_processes
from orchestrator.lab.processes import end_all, spawn
from orchestrator.lab.record import Intent
from orchestrator.lab.spec import LabHost, LabPaths, Slowness

_PROBES = 32
_RETRY = 0.02
_GLANCE = 0.5
_LAST_LINES = 2


class Daemons(Protocol):
    """Serves the hosts of one lab."""

    def apply(self, hosts: Sequence[LabHost], intent: Intent) -> None:
        """Bring some hosts to where ``lab.json``, already written, wants them.

        Raises:
            LabError: a daemon cannot be started, or a process cannot be ended.

        """

    def is_serving(self, host: LabHost) -> bool:
        """Tell whether the host's daemon lives."""

    def end(self, hosts: Sequence[LabHost]) -> None:
        """End all daemons and all own processes of all hosts; these are all hosts of the lab."""


def start_relay(host: LabHost, slowness: Slowness) -> None:
    """Put a relay on the host's public port; its daemon must listen backstage."""
    rate = [f"--rate={slowness.rate}"] if slowness.rate else []
    spawn_python(
        "orchestrator.lab.relay",
        [
            *(host.address, str(host.port), str(host.backstage_port)),
            *(f"--latency={slowness.latency}", *rate),
        ],
        log=host.log,
        pid_file=host.relay_pid,
    )


def end_daemons(paths: LabPaths, hosts: Sequence[LabHost]) -> None:
    """End the hosts' listeners, connections and relays; their own processes live on."""
    end_all(partial(daemon_processes, paths, hosts))
    for host in hosts:
        host.relay_pid.unlink(missing_ok=True)


def spawn_python(
    module: str,
    arguments: Sequence[str],
    *,
    log: Path,
    pid_file: Path,
    through: Sequence[str] = (),
) -> None:
    """Start a module of this package as a daemon, which finds what we find.

    A command ``through`` which it is started must put it in its own place.
    """
    ours = str(Path(orchestrator.__file__).parents[1])
    search_path = os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))
    spawn(
        [*through, sys.executable, "-m", module, *arguments],
        log=log,
        pid_file=pid_file,
        environment=clean_environment({"PYTHONPATH": search_path}),
    )


def clean_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a daemon: nothing else of ours leaks into the hosts."""
    return {"PATH": os.environ.get("PATH", os.defpath), **additions}


def wait_for_banners(
    hosts: Sequence[LabHost], serving: Callable[[LabHost], bool], seconds: float
) -> None:
    """Wait until every host greets as SSH servers do (RFC 4253, section 4.2).

    Raises:
        LabError: some host does not within ``seconds``, or its daemon has died.

    """
    ends = time.monotonic() + seconds
    with ThreadPoolExecutor(_PROBES) as pool:
        answers = list(pool.map(lambda host: _await_banner(host, serving, ends), hosts))
    silent = [host for host, answered in zip(hosts, answers, strict=True) if not answered]
    if silent:
        raise LabError(
            f"{len(silent)} of {len(hosts)} lab hosts do not answer, first {silent[0].name} "
            f"at {silent[0].address}:{silent[0].port}",
            hint=f"its daemon last said: {last_words(silent[0].log)} (see {silent[0].log})",
        )


def _await_banner(host: LabHost, serving: Callable[[LabHost], bool], ends: float) -> bool:
    while not _greets(host, serving, ends):
        if time.monotonic() > ends or not serving(host):
            return False
        time.sleep(_RETRY)
    return True


def _greets(host: LabHost, serving: Callable[[LabHost], bool], ends: float) -> bool:
    try:
        with socket.create_connection((host.address, host.port), timeout=_GLANCE) as connection:
            while serving(host) and time.monotonic() < ends:
                with contextlib.suppress(TimeoutError):
                    return connection.recv(4) == b"SSH-"
    except OSError:
        pass
    return False


def last_words(log: Path) -> str:
    """Return the last lines of a log, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    return "; ".join(lines[-_LAST_LINES:]) or "nothing"
