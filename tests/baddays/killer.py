"""Controllers that die where they are told: the real command line, killed by itself with SIGKILL.

``python -m tests.baddays.killer`` reads orders, one JSON object a line, and answers each with one.
It carries an order out in a process of its own, forked when everything is imported: a matrix of
kill points pays for the imports once.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import orchestrator.cli.apply  # noqa: F401  main would import it in each child
from orchestrator.cli.main import main
from orchestrator.host.driver import HostDriver
from orchestrator.host.rendering import Renderer
from orchestrator.host.work import Assignment
from orchestrator.journal import Journal, SqliteRunLog
from orchestrator.model.event import Action, Event
from orchestrator.ports import Outcome, Recorded

CHANGING = frozenset({Action.STAGE, Action.ACTIVATE, Action.CONFIRM, Action.COMMIT, Action.REVERT})
"""Actions that show in a host's own record while they are under way."""


class When(StrEnum):
    """On which side of its event, or of its changing action, with a number a controller dies."""

    BEFORE = "before"
    """The event is not journalled; what it tells of has happened: an action has returned."""
    AFTER = "after"
    """The event is durable, and the core has not seen it."""
    DURING = "during"
    """The action's intent is durable, and the host is at work on it."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a controller dies.

    ``number`` counts from 1: the events of the run, or the changing actions of this controller.
    ``written`` is how many events the run has when the controller begins to append.
    """

    when: When
    number: int
    written: int = 1

    def __str__(self) -> str:
        what = "changing action" if self.when is When.DURING else "event"
        return f"{self.when} {what} {self.number}"


class Killer:
    """Starts commands that die at a point; use as a context manager."""

    def __enter__(self) -> Killer:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def run(
        self,
        words: Sequence[object],
        environ: Mapping[str, str],
        log: Path,
        point: Point | None = None,
    ) -> int:
        """Run a fleet command; return its exit code, below 0 when a signal ended it.

        What it prints goes into the file ``log``.
        """
        order = {"words": list(map(str, words)), "environ": dict(environ), "log": str(log)}
        if point:
            order["point"] = asdict(point)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        code: int = json.loads(self._process.stdout.readline())
        return code


def serve() -> None:
    """Carry orders out until there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _carry_out(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _carry_out(order: dict[str, Any]) -> NoReturn:
    code = 70
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(order["environ"])
        if point := order.get("point"):
            arm(Point(**point | {"when": When(point["when"])}))
        code = main(order["words"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def arm(point: Point) -> None:
    """Have this process die at a point."""
    if point == Point(When.AFTER, 1):
        _die_after(Journal, "create_run")
    elif point.when is When.DURING:
        _die_during(point.number)
    else:
        _die_around(point)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _die_after(owner: type, name: str) -> None:
    real = getattr(owner, name)

    @functools.wraps(real)
    def last(*arguments: object, **named: object) -> NoReturn:
        real(*arguments, **named)
        _die()

    setattr(owner, name, last)


def _die_around(point: Point) -> None:
    """Die before or after an append; those that wait together are written in their order."""
    real = SqliteRunLog.append
    number = point.written

    async def append(self: SqliteRunLog, event: Event) -> Recorded:
        nonlocal number
        number += 1
        here = number == point.number
        if here and point.when is When.BEFORE:
            _die()
        recorded = await real(self, event)
        if here:
            _die()
        return recorded

    SqliteRunLog.append = append  # type: ignore[method-assign]


def _die_during(number: int) -> None:
    real = HostDriver.perform
    asked = 0

    async def perform(self: HostDriver, host: str, action: Action, attempt: int) -> Outcome:
        nonlocal asked
        asked += action in CHANGING
        if asked != number or action not in CHANGING:
            return await real(self, host, action, attempt)
        record = _record(self._assignments(host))
        before = _size(record)
        work = asyncio.ensure_future(real(self, host, action, attempt))
        while _size(record) == before and not work.done():
            await asyncio.wait([work], timeout=0.001)
        _die()

    HostDriver.perform = perform  # type: ignore[method-assign]


def _record(assignment: Assignment) -> Path:
    """Return where a host of the lab, whose disk is ours, keeps its own record."""
    [work] = assignment.packages
    _, state = Renderer(assignment, "").folders(work.package)
    return Path(state) / work.name / "history.jsonl"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    serve()
