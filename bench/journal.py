"""How many events a second the journal makes durable: group commit against one commit per event.

    python bench/journal.py [EVENTS] [FOLDER]

The folder decides which disk is measured; the default is the system's folder for temporary files.
Both figures go through the same RunLog; only the number of appends in flight differs.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from orchestrator.journal import Journal, Owner, SqliteRunLog
from orchestrator.model.event import Action, ActionEnded, Result, RunStarted
from orchestrator.model.wave import RolloutSpec

IN_FLIGHT = (1, 10, 50, 300, 1000)


async def lane(log: SqliteRunLog, events: int) -> None:
    for number in range(events):
        facts: dict[str, object] = {"bytes": number, "release_before": "2.3.0-0123456789ab"}
        host = f"host{number}.example"
        await log.append(
            ActionEnded(time.monotonic(), host, Action.STAGE, Result.DONE, facts=facts)
        )


async def rate(journal: Journal, events: int, in_flight: int) -> float:
    """Return durable events per second with so many appends awaited at the same time."""
    start = RunStarted(0.0, f"run-{in_flight}", "bench", "-", "-", "-", "-", RolloutSpec(()))
    log = journal.create_run(start, Owner.here())
    began = time.perf_counter()
    await asyncio.gather(*(lane(log, events // in_flight) for _ in range(in_flight)))
    took = time.perf_counter() - began
    await log.close()
    return events // in_flight * in_flight / took


def fold_rate(journal: Journal, run: str) -> float:
    """Return events read back per second, as resume, status and report do."""
    began = time.perf_counter()
    count = sum(1 for _ in journal.events(run))
    return count / (time.perf_counter() - began)


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    parent = sys.argv[2] if len(sys.argv) > 2 else None
    with (
        tempfile.TemporaryDirectory(dir=parent) as folder,
        Journal.open(Path(folder) / "journal.db") as journal,
    ):
        single = 0.0
        for in_flight in IN_FLIGHT:
            # One commit per event is slow enough to be measured on a tenth.
            share = events // 10 if in_flight == 1 else events
            found = asyncio.run(rate(journal, share, in_flight))
            single = single or found
            print(f"{in_flight:5} in flight: {found:9,.0f} events/s  {found / single:5.1f}x")
        print(f"read back:       {fold_rate(journal, f'run-{IN_FLIGHT[-1]}'):9,.0f} events/s")


if __name__ == "__main__":
    main()
