"""Check: a shell command succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from orchestrator.checks.base import JUDGE, SAY, Check, timeout
from orchestrator.schema import Text, option


@dataclass(frozen=True)
class Command(Check):
    """A shell command: exit 0 yes, 21 not yet, any other no; its last line is the reason."""

    short: ClassVar[str] = "run"

    run: str = option(
        Text("a shell command"), "Shell text, run by sh.", example="test -w /var/lib/gateway"
    )
    timeout: float = timeout(30.0)

    def script(self) -> str:
        """Return the sh text."""
        return f"{SAY}sh -c {quote(self.run)}\n{JUDGE}"
