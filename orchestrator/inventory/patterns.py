"""Ansible's host patterns: ``gateways:&canaries:!retired``, ``web*``, ``~regex``, ``group[0:2]``.

Terms are parted by commas, or else by colons. First all plain terms are united, then those with
``&`` intersect, then those with ``!`` exclude, whatever the order in which they are written. A
term is a host or a group, a glob or a ``~regex`` over both; it may end with ``[2]``, ``[-1]``,
``[1:3]`` (both ends included) or ``[1:]``.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from orchestrator.inventory.addresses import split_port
from orchestrator.registry import near_miss

_TERM = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_SUBSCRIPT = re.compile(r"(.+)\[(?:(-?[0-9]+)|([0-9]+)[:-]([0-9]*))\]")
_SUGGESTED_FROM = 10_000
"""Names that are looked through for a near miss; more would take seconds."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Hosts in the order in which the pattern names them, and the terms that matched nothing."""

    names: tuple[str, ...]
    unmatched: tuple[str, ...] = ()


class BadTerm(ValueError):
    """A term of a pattern that cannot be evaluated."""


def split(pattern: str) -> list[str]:
    """Return the terms of a pattern, in the order in which they are written."""
    if "," in pattern:
        terms = pattern.split(",")
    elif split_port(pattern):
        terms = [pattern]
    else:
        terms = _TERM.findall(pattern)
    return [term.strip() for term in terms if term.strip()]


class Patterns:
    """Evaluates patterns over the hosts and groups of one inventory; each term but once.

    ``groups`` holds the hosts of each group, ``all`` included, in Ansible's order.
    """

    def __init__(self, hosts: Sequence[str], groups: Mapping[str, tuple[str, ...]]) -> None:
        self._hosts = dict.fromkeys(hosts)
        self._groups = groups
        self._matched: dict[str, Sequence[str] | None] = {}

    def evaluate(self, terms: Iterable[str]) -> Selection:
        """Return the hosts that the terms select together; raises BadTerm."""
        plain, intersecting, excluding = _sort(terms)
        unmatched: list[str] = []
        names: dict[str, None] = {}
        for term in plain or ["all"]:
            # A host wins over a group of its name here, and here only: so it does in Ansible.
            found = (term,) if term in self._hosts else self._match(term, unmatched)
            names.update(dict.fromkeys(found))
        for term in intersecting:
            kept = set(self._match(term[1:], unmatched))
            names = {name: None for name in names if name in kept}
        for term in excluding:
            for name in self._match(term[1:], unmatched):
                names.pop(name, None)
        return Selection(tuple(names), tuple(unmatched))

    def suggest(self, term: str) -> str:
        """Return what may have been meant by a term that matched nothing."""
        known = [*self._groups, *islice(self._hosts, _SUGGESTED_FROM)]
        return near_miss(term.lstrip("&!").partition("[")[0], known)

    def _match(self, term: str, unmatched: list[str]) -> Sequence[str]:
        if term not in self._matched:
            self._matched[term] = self._expand(term)
        found = self._matched[term]
        if found is None:
            unmatched.append(term)
            return ()
        return found

    def _expand(self, term: str) -> Sequence[str] | None:
        if not term:
            raise BadTerm("a term is empty after '&' or '!'")
        subscript = None if term.startswith("~") else _SUBSCRIPT.fullmatch(term)
        found = self._named(subscript[1] if subscript else term)
        if not found or not subscript:
            return found
        _, index, start, end = subscript.groups()
        if index is None:
            return found[int(start) : int(end) + 1 if end else None]
        try:
            return [found[int(index)]]
        except IndexError:
            raise BadTerm(f"'{term}' asks for more than the {len(found)} hosts there") from None

    def _named(self, expression: str) -> Sequence[str] | None:
        """Return the hosts of matching groups, and matching hosts; ``None`` if there are none."""
        if not expression.startswith("~") and not any(sign in expression for sign in "?*["):
            return self._called(expression)
        matches = _matcher(expression)
        groups = [name for name in self._groups if matches.match(name)]
        found = [host for name in groups for host in self._groups[name]]
        found += [name for name in self._hosts if matches.match(name)]
        return found if found or groups else None

    def _called(self, name: str) -> Sequence[str] | None:
        group = self._groups.get(name)
        if name in self._hosts and (group is None or "." in name):
            return (*(group or ()), name)
        return group


def _sort(terms: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    kinds: dict[str, list[str]] = {"": [], "&": [], "!": []}
    for term in filter(None, terms):
        kinds[term[0] if term[0] in "&!" else ""].append(term)
    return kinds[""], kinds["&"], kinds["!"]


def _matcher(expression: str) -> re.Pattern[str]:
    try:
        if expression.startswith("~"):
            return re.compile(expression[1:])
        return re.compile(fnmatch.translate(expression))
    except re.error as error:
        raise BadTerm(f"'{expression}' is not a regular expression: {error}") from None
