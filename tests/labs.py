"""Labs for tests: any folder of tests may start one, and reach its hosts with the real client.

A lab lives in a temporary folder of its own, and its loopback addresses follow from that folder,
so labs of other tests, workers and runs do not meet it. Tests that need machines are marked
``machine``, and all run in one worker, which boots them once (the fixture ``machines``).
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from orchestrator.lab.lab import Lab
from orchestrator.lab.machine.spec import FULL_MARK
from orchestrator.lab.spec import Condition, LabHost, LabKind

DEADLINE = 60.0
LOOPBACK = (LabKind.SSHD, LabKind.EMBEDDED)
"""Kinds of labs that are on loopback, and need no root."""
MACHINES = 3


@contextlib.contextmanager
def start_lab(
    tmp_path_factory: pytest.TempPathFactory, hosts: int = 3, kind: LabKind = LabKind.SSHD
) -> Iterator[Lab]:
    """Start a lab and take it down at the end."""
    directory = tmp_path_factory.mktemp("lab")
    try:
        yield Lab.up(directory, hosts, kind=kind)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Lab.open(directory).down()


def start_machines(
    tmp_path_factory: pytest.TempPathFactory, hosts: int = MACHINES
) -> contextlib.AbstractContextManager[Lab]:
    """Start a lab of machines. Tests share the one of the fixture ``machines`` where they can."""
    return start_lab(tmp_path_factory, hosts, LabKind.MACHINE)


def mend(lab: Lab) -> None:
    """Restore all hosts that are not up, or whose disk is full on purpose."""
    hurt = [
        status.host.name
        for status in lab.status()
        if status.condition is not Condition.UP or (status.host.folder / FULL_MARK).exists()
    ]
    if hurt:
        lab.restore(*hurt)


def ssh_argv(lab: Lab, host: LabHost, *options: str) -> list[str]:
    """Return the real client's command line up to the remote command."""
    return [
        *("ssh", "-F", "none", "-T", "-p", str(host.port), "-i", str(lab.paths.client_key)),
        *("-o", f"UserKnownHostsFile={lab.paths.known_hosts}", "-o", "BatchMode=yes"),
        *("-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", *options),
        f"{lab.user}@{host.address}",
    ]


def ssh(
    lab: Lab, host: LabHost, command: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a command on a host."""
    return subprocess.run(
        [*ssh_argv(lab, host), command],
        input=stdin,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )


def eventually(condition: Callable[[], bool], within: float = DEADLINE) -> bool:
    """Wait for a condition, up to a deadline in seconds; tell whether it came true."""
    ends = time.monotonic() + within
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True
