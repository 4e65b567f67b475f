"""One controller's time with a run: signals, the runner, and what is left behind at the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.clock import Clock
from orchestrator.errors import ExitCode
from orchestrator.journal import Journal
from orchestrator.model.event import Event, Request
from orchestrator.ports import Engine, RunLog, Sink
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.verdict import exit_code, taken_back, why_taken_back
from orchestrator.service.runner import Runner

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Controller:
    """Holds a run under its lease until nothing more will happen, or it is told to leave.

    ``folded`` is how many events of the run ``rollout`` has taken already.
    """

    journal: Journal
    log: RunLog
    rollout: Rollout
    folded: int
    engine: Engine
    sink: Sink
    clock: Clock
    operator: str
    name: str
    _asking: set[asyncio.Task[None]] = field(default_factory=set)

    async def drive(self, *first: Event) -> ExitCode:
        """Drive the run; the first interruption finishes what is in flight, the second leaves.

        Raises JournalError or Fenced when the run was taken over.
        """
        runner = Runner(self.rollout, self.log, self.engine, self.sink, self.clock)
        code = ExitCode.INTERRUPTED
        try:
            with self._interruptible(runner):
                await runner.run(self.folded, *first, controller=self.name)
            code = exit_code(self.rollout)
            self._deny()
        except asyncio.CancelledError:
            self.journal.finish(self.rollout.started.run, code, self.clock.now())
        else:
            self.journal.finish(self.rollout.started.run, code, self.clock.now())
        finally:
            await self.engine.close()
            await self.log.close()
            self.sink.close()
        return code

    @contextmanager
    def _interruptible(self, runner: Runner) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        work = asyncio.current_task()
        asked = False

        def interrupted() -> None:
            nonlocal asked
            if asked and work is not None:
                work.cancel()
                return
            asked = True
            task = loop.create_task(runner.ask(Request.PAUSE, self.operator, "interrupted"))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

        for number in SIGNALS:
            loop.add_signal_handler(number, interrupted)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _deny(self) -> None:
        """Put what a wave or the run rolled back on the denylist."""
        for target in taken_back(self.rollout):
            reason = why_taken_back(self.rollout)
            self.journal.deny(target, self.rollout.started.run, reason)
