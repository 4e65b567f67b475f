"""Check: enough memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestrator.checks.base import QUICK, SAY, Check, assign
from orchestrator.schema import Size, option

_AVAILABLE = """
free=$(awk '
  $1 == "MemAvailable:" { available = $2; known = 1 }
  $1 == "MemFree:" || $1 == "Buffers:" || $1 == "Cached:" { rough += $2 }
  END { if (NR) print known ? available : rough }
' /proc/meminfo 2>/dev/null)
[ -n "$free" ] || say 2 "cannot tell how much memory is available"
verdict="$((free / 1024)) MiB of memory available, $((asked / 1024)) MiB asked"
[ "$free" -ge "$asked" ] || say 1 "$verdict"
say 0 "$verdict"
"""


@dataclass(frozen=True)
class Memory(Check):
    """Memory that new programs can use without swapping (MemAvailable of the kernel)."""

    short: ClassVar[str] = "available"

    available: int = option(Size(), "At least so much must be available.", example="128MiB")

    timeout = QUICK

    def script(self) -> str:
        """Return the sh text."""
        return SAY + assign(asked=-(-self.available // 1024)) + _AVAILABLE
