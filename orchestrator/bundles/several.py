"""Doing the same with many files, as many at once as the machine has CPUs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

STRIPES = 64
"""Pieces that the work is cut into: enough to keep all CPUs busy, few enough to cost nothing."""


def several(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return what ``work`` makes of each item, in their order; raises the first exception."""
    stripes = max(1, min(len(items), STRIPES))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = [*pool.map(lambda at: [*map(work, items[at::stripes])], range(stripes))]
    return [parts[at % stripes][at // stripes] for at in range(len(items))]
