"""A controller as a process of its own: appends in a loop and says each number that is durable.

Usage: ``python -m tests.journal.controller JOURNAL RUN create|take LANES``: so many appends are in
flight at once; with none, one event is appended for each line of input. Prints ``ready``, then
number, lane and attempt of each acknowledged event; ``stopped: <error>`` when the journal refuses.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from orchestrator.errors import FleetError
from orchestrator.journal import Journal, Owner, SqliteRunLog
from orchestrator.model.event import Action, ActionBegun, TimePassed
from tests.journal.conftest import started


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def keep_appending(log: SqliteRunLog, lane: int) -> None:
    attempt = 0
    while True:
        attempt += 1
        recorded = await log.append(ActionBegun(1.0, f"lane{lane}", Action.STAGE, attempt))
        say(f"{recorded.seq} {lane} {attempt}")


async def append_on_demand(log: SqliteRunLog) -> None:
    while await asyncio.to_thread(sys.stdin.readline):
        say(str((await log.append(TimePassed(1.0))).seq))


async def control(path: Path, run: str, how: str, in_flight: int) -> None:
    with Journal.open(path) as journal:
        owner = Owner.here()
        log = (
            journal.create_run(started(run), owner) if how == "create" else journal.take(run, owner)
        )
        say("ready")
        try:
            async with asyncio.TaskGroup() as lanes:
                if not in_flight:
                    lanes.create_task(append_on_demand(log))
                for lane in range(in_flight):
                    lanes.create_task(keep_appending(log, lane))
        except* FleetError as group:
            say(f"stopped: {type(group.exceptions[0]).__name__}")


if __name__ == "__main__":
    asyncio.run(control(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
