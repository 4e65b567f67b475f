"""Gates in a time of their own: waiting costs none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from orchestrator.errors import Position
from orchestrator.gates import build_gate
from orchestrator.gates.base import Asking
from orchestrator.model.plan import Use

PLACE = Position("plan.yml", 7, 9)


class Hours:
    """A clock that only waiting moves; ``then`` happens during the next wait."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.waits: list[float] = []
        self.then: Callable[[], Awaitable[object] | None] | None = None

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.waits.append(seconds)
        if self.then:
            then, self.then = self.then, None
            if (done := then()) is not None:
                await done


def use(name: str = "fleet_lock", **options: object) -> Use:
    return Use(name, tuple(sorted(options.items())), PLACE)


def gate(url: str, hours: Hours | None = None, **options: Any) -> Asking:
    hours = hours or Hours()
    return build_gate(use(url=url, **options), {}, hours, hours.sleep)
