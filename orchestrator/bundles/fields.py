"""Asking a mapping of ``bundle.yml`` for its values; every problem is kept, with its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from orchestrator.bundles import rules
from orchestrator.bundles.tree import shown
from orchestrator.errors import Position, Problem
from orchestrator.registry import near_miss
from orchestrator.schema import units
from orchestrator.yamldoc import MappingNode, Node, ScalarNode, SequenceNode

T = TypeVar("T")
Rule = Callable[[str], str]
"""Returns what is wrong with a text, or the empty string."""


class Misfit(Exception):
    """A value that is not what its key asks for, with its node."""

    def __init__(self, node: Node, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.node = node
        self.what = what
        self.mend = mend


class Fields:
    """The known keys of one mapping; what does not fit is put on the list of problems."""

    def __init__(
        self, node: Node | None, path: str, known: Sequence[str], problems: list[Problem]
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self.path = path
        self.problems = problems
        self.position = node.position if node else Position("")
        if isinstance(node, MappingNode):
            for key, value in node.value.items():
                self._take(key, value, node.keys[key], known)
        elif node is not None:
            self._problem(node.position, path, "not a mapping", f"write {', '.join(known)} as keys")

    def require(self, *keys: str) -> None:
        """Note the keys that are missing."""
        for key in keys:
            if key not in self.nodes:
                self._problem(self.position, self.path, f"key '{key}' is missing", "add it")

    def mapping(self, key: str, known: Sequence[str]) -> Fields:
        """Return the fields of a mapping in the mapping."""
        return Fields(self.nodes.get(key), self._place(key), known, self.problems)

    def get(self, key: str, read: Callable[[Node], T], default: T) -> T:
        """Return a value as ``read`` has it, or the default when it is missing or misfits."""
        if key not in self.nodes:
            return default
        try:
            return read(self.nodes[key])
        except Misfit as misfit:
            self._problem(misfit.node.position, self._place(key), misfit.what, misfit.mend)
            return default

    def pairs(self, key: str, rule: Rule, read: Callable[[Node], T]) -> tuple[tuple[str, T], ...]:
        """Return a mapping with free keys that ``rule`` finds no flaw in, sorted by key."""
        node = self.nodes.get(key)
        inner = Fields(None, self._place(key), (), self.problems)
        if isinstance(node, MappingNode):
            inner.nodes = dict(node.value)
            for name, position in node.keys.items():
                if flaw := rule(name):
                    self._problem(position, inner.path, f"'{name}' is {flaw}", "")
        elif node is not None:
            self._problem(node.position, inner.path, "not a mapping", "write 'name: value' lines")
        found = {name: inner.get(name, read, None) for name in sorted(inner.nodes)}
        return tuple((name, value) for name, value in found.items() if value is not None)

    def _take(self, key: str, value: Node, position: Position, known: Sequence[str]) -> None:
        if key in known:
            self.nodes[key] = value
            return
        mend = near_miss(key, known) or f"known are {', '.join(known)}"
        self._problem(position, self.path, f"unknown key '{key}'", mend)

    def _place(self, key: str) -> str:
        return f"{self.path}.{key}".lstrip(".")

    def _problem(self, position: Position, path: str, what: str, mend: str) -> None:
        self.problems.append(Problem(position, shown(path), shown(what), mend))


def text(node: Node, rule: Rule) -> str:
    """Return one value's text as it is spelled, if ``rule`` finds no flaw in it."""
    if not isinstance(node, ScalarNode) or node.value is None:
        raise Misfit(node, "not text", "write one value")
    # The spelling counts, not YAML's number: 'version: 2.10' is not 2.1.
    flaw = rule(node.text)
    if flaw:
        raise Misfit(node, f"'{node.text}' is {flaw}")
    return node.text


def texts(node: Node, rule: Rule) -> tuple[str, ...]:
    """Return the texts of a list, or the one that stands for a list of one."""
    items = node.value if isinstance(node, SequenceNode) else (node,)
    return tuple(text(item, rule) for item in items)


def number(node: Node, least: int) -> int:
    """Return a whole number."""
    value = node.value
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Misfit(node, f"not a whole number of at least {least}")
    return value


def truth(node: Node) -> bool:
    """Return true or false."""
    if not isinstance(node.value, bool):
        raise Misfit(node, "neither true nor false")
    return node.value


def size(node: Node) -> int:
    """Return bytes."""
    found = units.size(node.text) if isinstance(node, ScalarNode) else None
    if found is None:
        raise Misfit(node, "not a size", "write bytes, or a number with a unit such as 512MiB")
    return found


def notes(node: Node) -> str:
    """Return what a release's maker has to say, without the line break that YAML leaves."""
    if not isinstance(node, ScalarNode):
        raise Misfit(node, "not text", "write '|' and the lines below it, indented")
    if flaw := rules.notes_flaw(node.text):
        raise Misfit(node, flaw)
    return node.text.strip("\n")
