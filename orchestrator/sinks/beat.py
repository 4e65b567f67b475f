"""The rhythm in which a display is brought up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL = 0.2
"""Seconds between two pictures."""

Stop = Callable[[], object]
Beat = Callable[[Callable[[], bool]], Stop]
"""Calls a function again and again while it returns True; returns what ends that."""


def on_loop(tick: Callable[[], bool]) -> Stop:
    """Beat on the running event loop: never in the middle of an event, and without a thread.

    Raises RuntimeError when no loop runs.
    """

    async def beating() -> None:
        while tick():  # noqa: ASYNC110 - a rhythm, not a poll
            await asyncio.sleep(INTERVAL)

    return asyncio.get_running_loop().create_task(beating()).cancel
