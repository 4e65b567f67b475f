"""What a sink is given to look at, and where it writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from orchestrator.clock import Clock
from orchestrator.ports import Sink
from orchestrator.rollout.machine import Rollout


@dataclass(frozen=True, slots=True)
class View:
    """A run to be watched; sinks read ``rollout`` and never feed it.

    With ``verbose`` even the ordinary moves of hosts are told.
    """

    rollout: Rollout
    out: TextIO
    clock: Clock
    verbose: bool = False


SinkFactory = Callable[[View], Sink]
