"""By which rules a controller goes on with a run.

The rules change from one fleet to the next, and journals stay. So each controller says by which
it goes on, and a fold asks of hosts what that controller has asked of them.
"""

from __future__ import annotations

from enum import IntEnum


class Rules(IntEnum):
    """The rules in the order in which they came; ``LATEST`` is what controllers go by now."""

    FIRST = 1
    """Renewals take places as other work does; a wave passes before its hosts are committed; every
    staged host asks its gate, and keeps its place there when the run is left."""
    SECOND = 2
    """Renewals wait for no place; a wave passes when its hosts have been committed; no more hosts
    ask their gates than can be activated, and give their places back when the run is left."""
    LATEST = SECOND
