"""What every gate is, and the patience that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, retry_if_not_result, wait_random

from orchestrator.clock import Clock
from orchestrator.ports import Granted, Held, OnHeld, Sleep

GIVING_BACK = 60.0
"""Seconds for giving a place back: the host is in service, and need not wait for long."""

Ask = Callable[[str], Awaitable[str]]


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
    """A gate that is asked again and again; see ports.Gate."""

    gate: HostGate
    clock: Clock
    sleep: Sleep

    async def acquire(self, host: str, on_held: OnHeld | None = None) -> Granted | Held:
        """Ask for the host's place, for as long as the gate's ``wait`` says."""
        held = await self._patiently(self.gate.take, host, self.gate.wait, on_held)
        if held is None:
            return Granted()
        await self.gate.give_back(host)  # a yes may have been lost on its way here
        return held

    async def release(self, host: str) -> Held | None:
        """Give the host's place back."""
        return await self._patiently(self.gate.give_back, host, GIVING_BACK)

    async def _patiently(
        self, ask: Ask, host: str, patience: float, on_held: OnHeld | None = None
    ) -> Held | None:
        since = self.clock.now()

        async def once() -> Held | None:
            held_by = await ask(host)
            return Held(self.gate.name, held_by, since) if held_by else None

        def tell(state: RetryCallState) -> None:
            if on_held and (held := _held(state)):
                on_held(held)

        interval = self.gate.interval
        retrying = AsyncRetrying(
            sleep=self.sleep,
            retry=retry_if_not_result(lambda held: held is None),
            stop=lambda _state: self.clock.now() >= since + patience,
            wait=wait_random(interval / 2, interval * 3 / 2),
            before_sleep=tell,
            retry_error_callback=_held,
        )
        held: Held | None = await retrying(once)
        return held


def _held(state: RetryCallState) -> Held | None:
    return state.outcome.result() if state.outcome else None
