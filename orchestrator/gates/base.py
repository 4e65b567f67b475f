"""What every gate is, and how they are asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import SystemRandom

from tenacity import AsyncRetrying, RetryCallState, retry_if_not_result, wait_random

from orchestrator.clock import Clock
from orchestrator.ports import Granted, Held, Sleep

GIVING_BACK = 60.0
"""Seconds for giving a place back: the host is in service, and need not wait for long."""

Ask = Callable[[str], Awaitable[str]]
_random = SystemRandom()


class HostGate(ABC):
    """A gate with its options, asked once at a time."""

    wait: float
    """Seconds that a host may be held in all."""
    interval: float
    """Seconds between two tries, on average."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return which gate this is, for people."""

    @abstractmethod
    async def take(self, host: str) -> str:
        """Return what holds the host; empty once it has its place, or had it already."""

    @abstractmethod
    async def give_back(self, host: str) -> str:
        """Return what keeps the host's place from being free; empty when it is."""


@dataclass(frozen=True)
class Asking:
    """A gate that is asked again and again; see ports.Gate.

    Who waits for a place asks anew after a while, and is free meanwhile. Giving one back is tried
    until it is done, for no longer than ``GIVING_BACK``.
    """

    gate: HostGate
    clock: Clock
    sleep: Sleep

    async def acquire(self, host: str) -> Granted | Held:
        """Ask once for the host's place."""
        held = await self._once(self.gate.take, host)
        return held or Granted()

    async def release(self, host: str) -> Held | None:
        """Give the host's place back."""
        give_up, interval = self.clock.now() + GIVING_BACK, self.gate.interval
        retrying = AsyncRetrying(
            sleep=self.sleep,
            retry=retry_if_not_result(lambda held: held is None),
            stop=lambda _state: self.clock.now() >= give_up,
            wait=wait_random(interval / 2, interval * 3 / 2),
            retry_error_callback=_held,
        )
        held: Held | None = await retrying(self._once, self.gate.give_back, host)
        return held

    async def _once(self, ask: Ask, host: str) -> Held | None:
        gate = self.gate
        held_by = await ask(host)
        again = _random.uniform(gate.interval / 2, gate.interval * 3 / 2)
        return Held(gate.name, held_by, gate.wait, again) if held_by else None


def _held(state: RetryCallState) -> Held | None:
    return state.outcome.result() if state.outcome else None
