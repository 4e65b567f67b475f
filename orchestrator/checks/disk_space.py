"""Check: enough free disk space."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.checks.base import PATH, QUICK, SAY, Check, assign
from orchestrator.schema import Size, option


@dataclass(frozen=True)
class DiskSpace(Check):
    """Free space on the filesystem that holds a path, or will hold it."""

    path: str = option(PATH, "A path on that filesystem; it need not exist yet.")
    free: int = option(Size(), "At least so much must be free.")

    timeout = QUICK

    def script(self) -> str:
        """Return the sh text."""
        return f"""{SAY}{assign(path=self.path, asked=-(-self.free // 1024))}
at=$path
while [ ! -e "$at" ] && [ "$at" != / ]; do at=$(dirname "$at"); done
free=$(df -Pk "$at" 2>/dev/null | awk 'NR == 2 {{
  for (i = NF; i > 1; i--) if ($i ~ /^([0-9]+%|-)$/) {{ print $(i - 1); exit }}
}}')
[ -n "$free" ] || say 2 "cannot tell how much of $path is free"
verdict="$path has $((free / 1024)) MiB free, $((asked / 1024)) MiB asked"
[ "$free" -ge "$asked" ] || say 1 "$verdict"
say 0 "$verdict"
"""
