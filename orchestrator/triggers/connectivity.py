"""Trigger: an address that used to answer no longer does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from orchestrator.checks.base import SAY, assign, patience, timeout
from orchestrator.checks.http import FETCH
from orchestrator.checks.tcp import Tcp
from orchestrator.ports import Watch
from orchestrator.schema import Text, Wrong, host_flaw, option, url_flaw
from orchestrator.triggers.base import Trigger, interval, threshold

ADDRESS = Text(
    "an address",
    r"https?://[^\s]+|[A-Za-z0-9_.:%][A-Za-z0-9_.:%-]*|\[[A-Za-z0-9_.:%-]+\](?::[0-9]+)?",
    "write e.g. 192.0.2.1:443",
)

_PING = """
have ping || say 2 "cannot ask $to: no ping here"
ping -c 1 -W "$seconds" "$to" >/dev/null 2>&1 && say 0 "$to answers a ping"
say 1 "$to answers no ping"
"""

_ANSWERED = """
[ -n "$status" ] || say 1 "$url gives no answer"
say 0 "$url answers $status"
"""


@dataclass(frozen=True)
class Connectivity(Trigger):
    """Something in the network that no longer answers, though it did before the flip or after.

    What has not answered once during the trial or just before it cannot fire.
    """

    short: ClassVar[str] = "to"

    to: str = option(
        ADDRESS,
        "A URL (any answer counts), `address:port` (takes connections), or an address (ping).",
        example='"192.0.2.1:443"',
    )
    interval: float = interval(30.0)
    threshold: int = threshold(3)
    timeout: float = timeout(10.0)

    def __post_init__(self) -> None:
        self._text()

    def watches(self) -> tuple[Watch, ...]:
        """Return the one question."""
        return (Watch(self._text(), self.interval, self.timeout, self.threshold, after_yes=True),)

    def _text(self) -> str:
        seconds = patience(self.timeout)
        if "://" in self.to:
            _possible(self.to, url_flaw(self.to))
            return SAY + assign(url=self.to, seconds=seconds) + FETCH + _ANSWERED
        if re.fullmatch(r"([^:]+|\[.*\]):[0-9]+", self.to):
            return _connects(Tcp(self.to, timeout=self.timeout))
        address = self.to.strip("[]")  # ping takes no brackets
        _possible(self.to, host_flaw(address))
        return SAY + assign(to=address, seconds=seconds) + _PING


def _possible(given: str, flaw: str) -> None:
    if flaw:
        raise Wrong(f"'{given}' can never answer: {flaw}", "write e.g. 192.0.2.1:443")


def _connects(check: Tcp) -> str:
    """Return the check's text; what it takes for not yet is a no."""
    return f"(\n{check.script()})\ncode=$?\n[ $code != 21 ] || code=1\nexit $code\n"
