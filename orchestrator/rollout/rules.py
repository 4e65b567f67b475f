"""By which rules a controller goes on with a run.

The rules change from one fleet to the next, and journals stay. So each controller says by which
it goes on, and a fold asks of hosts what that controller has asked of them.
"""

from __future__ import annotations

from enum import IntEnum


class Rules(IntEnum):
    """The rules in the order in which they came; ``LATEST`` is what controllers go by now."""

    FIRST = 1
    """Renewals take places as other work does, and a wave passes before its hosts are committed."""
    RENEWALS_FIRST = 2
    """Renewals wait for no place, and a wave passes when its hosts have been committed."""
    LATEST = RENEWALS_FIRST
