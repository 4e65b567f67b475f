"""The fleet of an inventory, and choosing hosts from it by pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orchestrator.errors import InventoryError, Position, Problem, UsageError
from orchestrator.inventory.patterns import BadTerm, Patterns, Selection, split
from orchestrator.model.fleet import Fleet


@dataclass(frozen=True)
class Inventory(Fleet):
    """A fleet as its inventory gives it: empty groups, ``all`` and Ansible's order in groups.

    ``members`` holds the hosts of each group, ``all`` and ``ungrouped`` among them. ``patterns``
    know the hosts, too, that were left out since they are not reached over SSH: so ``web[0]`` is
    the same host, whether or not it is left out.
    """

    members: Mapping[str, tuple[str, ...]] = field(hash=False)
    patterns: Patterns = field(hash=False, compare=False, repr=False)

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Return ``members``: what Ansible calls ``groups``."""
        return self.members


def select(
    fleet: Fleet, pattern: str, *, position: Position | None = None, path: str = ""
) -> tuple[str, ...]:
    """Return the hosts that a plan's pattern selects, in the order in which it names them.

    The result may be empty. Raises InventoryError, at ``position`` and ``path`` in the plan, for
    terms that name no host and no group, are invalid, or if there is no term at all.
    """
    position = position or Position(f"pattern '{pattern}'")
    patterns, terms = _patterns(fleet), split(pattern)
    if not terms:
        what = "the pattern names no hosts"
        raise InventoryError(Problem(position, path, what, "write all for every host"))
    try:
        found = patterns.evaluate(terms)
    except BadTerm as error:
        raise InventoryError(Problem(position, path, str(error))) from None
    if found.unmatched:
        raise InventoryError(
            *(
                Problem(position, path, f"'{term}' is no host or group", _mend(patterns, term))
                for term in found.unmatched
            )
        )
    return tuple(name for name in found.names if name in fleet)


def limit(fleet: Fleet, names: Iterable[str], pattern: str) -> Selection:
    """Reduce ``names`` to what ``--limit`` lets through; tell the terms that matched nothing.

    ``@file`` stands for the terms in a file, one on each line. Raises UsageError for a file that
    cannot be read, an invalid term, no term at all, or if no host remains.
    """
    patterns = _patterns(fleet)
    try:
        terms = [part for term in split(pattern) for part in _spread(term)]
        if not terms:
            raise BadTerm(f"'{pattern}' names no hosts")
        allowed = patterns.evaluate(terms)
    except BadTerm as error:
        raise UsageError(f"--limit: {error}") from None
    within = frozenset(allowed.names)
    kept = tuple(name for name in names if name in within)
    if not kept:
        hints = (patterns.suggest(term) for term in allowed.unmatched)
        hint = next(filter(None, hints), "see which hosts there are: --limit all")
        raise UsageError(f"--limit '{pattern}' matches none of the selected hosts", hint=hint)
    return Selection(kept, allowed.unmatched)


def _patterns(fleet: Fleet) -> Patterns:
    if isinstance(fleet, Inventory):
        return fleet.patterns
    names = tuple(host.name for host in fleet)
    return Patterns(names, {"all": names, **fleet.groups})


def _mend(patterns: Patterns, term: str) -> str:
    if ":" in term and not term.startswith("~"):
        return "part the terms by ',' or by ':', not both"
    return patterns.suggest(term)


def _spread(term: str) -> list[str]:
    if not term.startswith("@"):
        return [term]
    try:
        lines = Path(term[1:]).expanduser().read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"--limit: cannot read '{term[1:]}': {reason.lower()}") from None
    return [line.strip() for line in lines if line.strip()]
