"""What every check is, and the sh text that they share.

A script ends with exit 0 for yes, 1 for no, 21 for not yet, and anything else when it could not
tell; the last line that it prints is the reason, written for people.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from shlex import quote

from orchestrator.schema import Duration, Text, option

QUICK = 10.0
"""Seconds for a check that only looks at the host itself."""


class Verdict(IntEnum):
    """Exit codes of a script."""

    YES = 0
    NO = 1
    UNKNOWN = 2
    NOT_YET = 21


class Check(ABC):
    """A pre-check or validation with its options."""

    timeout: float
    """Seconds that one try may take."""

    @abstractmethod
    def script(self) -> str:
        """Return the sh text."""


def assign(**values: str | float) -> str:
    """Return one line that sets shell variables, safe for any value."""
    return " ".join(f"{name}={quote(str(value))}" for name, value in values.items())


SAY = """\
say() { code=$1; shift; printf '%s\\n' "$*"; exit "$code"; }
have() { command -v "$1" >/dev/null 2>&1; }
"""
"""``say CODE REASON…`` ends a script; ``have TOOL`` asks for a tool."""

JUDGE = """\
code=$?
case $code in
0 | 1 | 21) exit "$code" ;;
126 | 127) say 2 "cannot be run (exit $code)" ;;
*)
  [ "$code" -gt 127 ] && say 2 "ended by a signal (exit $code)"
  say 1 "exit $code"
  ;;
esac
"""
"""Maps the exit of a command that people wrote: any failure is a no, unless it did not run."""

LINE = Text("one line of text", r"[^\n]+", "write one line")
PATH = Text("an absolute path", r"/[^\n]*", "begin it with '/'", sample="/opt")


def timeout(seconds: float) -> float:
    """Declare the option ``timeout`` with a default."""
    kind = Duration(minimum=1.0)
    declared: float = option(kind, "How long one try may take.", default=seconds)
    return declared


def patience(seconds: float) -> int:
    """Return the whole seconds to give a tool, so that the script still can say why it failed."""
    return max(1, int(seconds) - 1)
