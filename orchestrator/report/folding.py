"""Many hosts in few words: runs of numbered names, and hosts that all have the same to say."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.report.escaping import printable

K = TypeVar("K", bound=Hashable)

PARTS = 8
"""Names and spans that are listed before the rest is only counted."""

_DIGITS = re.compile("([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """``count`` hosts from ``first`` to ``last`` in which one number goes up by 1 each time.

    Numbers keep the width of the first: after ``h09`` comes ``h10``, after ``h9`` too.
    """

    first: str
    last: str
    count: int = 1

    def __str__(self) -> str:
        if self.count == 1:
            return printable(self.first)
        to = ".." if "-" in self.first else "-"
        return f"{printable(self.first)}{to}{printable(self.last)}"


def fold(items: Iterable[tuple[K, str]]) -> dict[K, list[str]]:
    """Return the hosts of each thing said, in the order in which it was first said."""
    groups: dict[K, list[str]] = {}
    for said, host in items:
        groups.setdefault(said, []).append(host)
    return groups


def spans(hosts: Iterable[str]) -> list[Span]:
    """Return the hosts sorted by name and number, three or more consecutive ones as one span."""
    ordered = sorted((_DIGITS.split(name) for name in set(hosts)), key=_by_number)
    found: list[Span] = []
    start = 0
    for here in range(1, len(ordered) + 1):
        if here < len(ordered) and _goes_on(ordered, start, here):
            continue
        found += _span(["".join(parts) for parts in ordered[start:here]])
        start = here
    return found


def compact(hosts: Sequence[str], parts: int = PARTS) -> str:
    """Return hosts in one short line, safe to print: ``h001-h040 (40 hosts)``."""
    found = spans(hosts)
    shown = ", ".join(str(span) for span in found[:parts])
    left = sum(span.count for span in found[parts:])
    more = f" and {left} more" if left else ""
    total = sum(span.count for span in found)
    return f"{shown}{more} ({total} hosts)" if total > 1 else shown


def _by_number(parts: list[str]) -> list[str | tuple[int, int]]:
    """Order names by their texts and numbers; re.split puts the numbers at odd places."""
    return [(int(part), len(part)) if at % 2 else part for at, part in enumerate(parts)]


def _goes_on(ordered: list[list[str]], start: int, here: int) -> bool:
    """Tell whether the name at ``here`` prolongs the span from ``start``."""
    moving = _moving(ordered[here - 1], ordered[here])
    if moving is None:
        return False
    return here - start == 1 or moving == _moving(ordered[start], ordered[start + 1])


def _moving(one: list[str], next_one: list[str]) -> int | None:
    """Return the place of the only number in which the two differ, by 1; else ``None``."""
    if len(one) != len(next_one):
        return None
    places = [at for at, (a, b) in enumerate(zip(one, next_one, strict=True)) if a != b]
    if len(places) != 1 or places[0] % 2 == 0:
        return None
    before, after = one[places[0]], next_one[places[0]]
    return places[0] if after == str(int(before) + 1).zfill(len(before)) else None


def _span(names: list[str]) -> list[Span]:
    if len(names) < 3:
        return [Span(name, name) for name in names]
    return [Span(names[0], names[-1], len(names))]
