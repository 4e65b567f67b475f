"""Cohorts: which hosts each takes.

Cohorts take in the order declared, each from what the earlier ones left:

- ``hosts`` takes the hosts of the pattern;
- ``share`` and ``count`` take so many from the front of the *queue*, in which hosts stand by a hash
  of their name and the plan's (docs/adr/0002-stable-shares.md). A percentage is of all moving
  hosts, or of those of the pattern when ``hosts`` is given too, whoever took them already;
- a cohort with neither takes all the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice

from orchestrator.errors import Position, Problem
from orchestrator.model.counting import share_of
from orchestrator.model.fleet import Fleet
from orchestrator.model.plan import Plan

Select = Callable[[str], Sequence[str]]
"""Pattern → the names of its hosts in the plan's fleet, in declaration order."""

_NAMED = 3
"""How many of the hosts in no cohort are named."""


def place_in_queue(plan: str, host: str) -> bytes:
    """Return where a host stands in the queue of the plan of this name; lower is earlier."""
    return hashlib.sha256(f"{plan}\0{host}".encode()).digest()


def cohort_of_hosts(plan: Plan, moving: Fleet, select: Select) -> dict[str, int]:
    """Return the index of the cohort of each moving host; a host that none takes is absent."""
    place = cache(lambda host: place_in_queue(plan.name, host))
    taken: dict[str, int] = {}
    for index, cohort in enumerate(plan.rollout.cohorts):
        pool = [host for host in _pool(cohort.hosts, moving, select) if host in moving]
        left = [host for host in pool if host not in taken]
        if cohort.share:
            left = sorted(left, key=place)[: share_of(cohort.share, len(pool))]
        taken.update(dict.fromkeys(left, index))
    return taken


def _pool(pattern: str | None, moving: Fleet, select: Select) -> Sequence[str]:
    return [*moving.by_name] if pattern is None else select(pattern)


def in_no_cohort(plan: Plan, moving: Fleet, cohort_of: Mapping[str, int]) -> Iterator[Problem]:
    """Yield the problem that some hosts are in no cohort, if there are any."""
    count = len(moving) - len(cohort_of)
    if not count:
        return
    first = islice((host.name for host in moving if host.name not in cohort_of), _NAMED)
    names = ", ".join(first) + (", …" if count > _NAMED else "")
    what = f"{count} of {len(moving)} hosts are in no cohort: {names}"
    cohorts = plan.rollout.cohorts
    position = cohorts[-1].position if cohorts else Position(plan.source)
    mend = "add a last cohort without hosts or share"
    yield Problem(position, "rollout.cohorts", what, mend)
