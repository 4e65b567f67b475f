"""Controllers that are killed or stopped: what was acknowledged is there, and nobody writes twice.

The controllers are processes of their own (tests/journal/controller.py) on the machine's clock.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.clock import WallClock
from orchestrator.errors import LeaseHeld
from orchestrator.journal import Journal, Owner
from orchestrator.journal.lease import TERM
from orchestrator.model.event import ActionBegun, TimePassed
from tests.journal.conftest import RUN, SetClock


@contextmanager
def controller(path: Path, how: str, in_flight: int = 8) -> Iterator[subprocess.Popen[str]]:
    """Run a controller until the end of the block, at the latest."""
    arguments = [str(path), RUN, how, str(in_flight)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.journal.controller", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert read_line(process) == "ready\n"
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def acknowledged(lines: str) -> dict[int, tuple[str, int]]:
    """Return number → (host, attempt) of whole lines; the last may be torn by the kill."""
    whole = [line.split() for line in lines.splitlines(keepends=True) if line.endswith("\n")]
    return {int(seq): (f"lane{lane}", int(attempt)) for seq, lane, attempt in whole}


def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    expected: dict[int, tuple[str, int]] = {}
    for how, before_kill in (("create", 1), ("take", 40), ("take", 300), ("take", 7)):
        with controller(path, how) as process:
            assert process.stdout is not None
            lines = [read_line(process) for _ in range(before_kill)]
            process.kill()
            expected |= acknowledged("".join(lines) + process.stdout.read())
    with Journal.open(path) as journal:
        found = list(journal.events(RUN))
        journal.take(RUN, Owner.here())  # at once: the dead owner is known as dead
    assert [recorded.seq for recorded in found] == list(range(1, len(found) + 1))
    events = {recorded.seq: recorded.event for recorded in found}
    for seq, (host, attempt) in expected.items():
        event = events[seq]
        assert isinstance(event, ActionBegun)
        assert (event.host, event.attempt) == (host, attempt)
    assert len(expected) > 340


def test_a_living_controller_keeps_others_out(path: Path) -> None:
    with (
        controller(path, "create") as process,
        Journal.open(path) as journal,
        pytest.raises(LeaseHeld, match=f"process {process.pid} on "),
    ):
        journal.take(RUN, Owner.here())


async def test_a_stopped_controller_that_wakes_up_cannot_append(path: Path) -> None:
    with controller(path, "create", in_flight=0) as process:
        assert process.stdin is not None
        process.send_signal(signal.SIGSTOP)
        print(file=process.stdin, flush=True)
        with Journal.open(path, SetClock(WallClock().now() + TERM + 1)) as journal:
            log = journal.take(RUN, Owner.here())
            mine = await log.append(TimePassed(1.0))
            process.send_signal(signal.SIGCONT)
            assert read_line(process) == "stopped: LeaseHeld\n"
            assert list(journal.events(RUN, after=mine.seq)) == []
            assert (await log.append(TimePassed(2.0))).seq == mine.seq + 1
            await log.close()
