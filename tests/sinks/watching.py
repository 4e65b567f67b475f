"""Feeds sinks with stories."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TextIO

from orchestrator.model.event import RunStarted
from orchestrator.ports import Recorded, Sink
from orchestrator.rollout.machine import Rollout
from orchestrator.sinks import View
from tests.report.stories import Endings, play


class StoryClock:
    """Stands where the story stands."""

    at = 0.0

    def now(self) -> float:
        return self.at


def watch(
    make: Callable[[View], Sink],
    first: RunStarted,
    endings: Endings | None = None,
    *,
    out: TextIO | None = None,
    verbose: bool = False,
    at_each: Callable[[int, Sink, Rollout], object] | None = None,
    **kw,
) -> str:
    """Let a sink see a whole story, close it, and return what it wrote."""
    clock = StoryClock()
    out = out or io.StringIO()
    sink: Sink | None = None
    for seq, event, rollout, transitions in play(first, endings, **kw):
        clock.at = event.at
        sink = sink or make(View(rollout, out, clock, verbose))
        sink.observe(Recorded(seq, event), transitions)
        if at_each:
            at_each(seq, sink, rollout)
    assert sink is not None
    sink.close()
    return out.getvalue() if isinstance(out, io.StringIO) else ""
