"""PyYAML's events → nodes, with every problem on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import yaml

from orchestrator.errors import Position, Problem
from orchestrator.yamldoc.complaints import explain
from orchestrator.yamldoc.nodes import (
    MappingNode,
    Node,
    ScalarNode,
    ScalarValue,
    SequenceNode,
    resolve,
)

MAX_DEPTH = 100
"""Levels of nesting that a document may have, aliases included."""

MAX_ALIASED = 100_000
"""Nodes that all aliases of a document may stand for, together."""

Event: TypeAlias = Any
"""One of PyYAML's events; their attributes are known to it alone."""

_TAG = "tag:yaml.org,2002:"

_TAGGED: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen yet."""

    position: Position
    anchor: str | None
    mapping: bool
    items: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    size: int
    height: int


class _Stop(Exception):
    """The rest of the document is not worth reading."""


# Parsed from events rather than composed by PyYAML: no recursion to overflow, depth and aliases
# are bounded while reading, and libyaml's speed is kept for inventories of many thousand hosts.
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Composer:
    """Builds nodes from PyYAML's events, collecting problems."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._aliased = 0
        self._documents = 0

    def compose(self) -> None:
        """Read the text into ``root`` and ``problems``; raises nothing."""
        unprintable = yaml.reader.Reader.NON_PRINTABLE.search(self.text)
        if unprintable:
            self._unprintable(unprintable)
            return
        try:
            with closing(_events(self.text)) as events:
                for event in events:
                    handle = _HANDLERS.get(type(event))
                    if handle:
                        handle(self, event)
        except yaml.MarkedYAMLError as error:
            for unfinished in filter(lambda item: item.mapping, self._stack):
                self._mapping(unfinished)
            self._syntax(error)
        except _Stop:
            pass

    def document(self, event: Event) -> None:
        """Begin a document; there is but one."""
        self._documents += 1
        if self._documents > 1:
            self._problem(
                self._at(event.start_mark),
                "a second document starts here",
                "keep one document in a file",
            )
            raise _Stop

    def scalar(self, event: Event) -> None:
        """Add a single value."""
        position = self._at(event.start_mark)
        quoted = event.style not in (None, "")
        value: ScalarValue = event.value
        if event.implicit[0]:
            value = resolve(event.value)
        elif not event.implicit[1]:
            value = self._tagged(event, position)
        self._add(ScalarNode(value, position, event.value, quoted), 1, 1, event.anchor)

    def start(self, event: Event) -> None:
        """Open a list or mapping."""
        mapping = isinstance(event, yaml.MappingStartEvent)
        position = self._at(event.start_mark)
        if event.tag not in (None, "!", _TAG + ("map" if mapping else "seq")):
            self._unknown_tag(event.tag, position)
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Open(position, event.anchor, mapping))
        self._check_depth(len(self._stack), position)

    def end(self, _event: Event) -> None:
        """Close the innermost list or mapping."""
        done = self._stack.pop()
        node: Node = (
            self._mapping(done) if done.mapping else SequenceNode(tuple(done.items), done.position)
        )
        self._add(node, done.size, done.height, done.anchor)

    def alias(self, event: Event) -> None:
        """Add what an anchor stands for."""
        position = self._at(event.start_mark)
        known = self._anchors.get(event.anchor)
        if known is None:
            open_anchors = {item.anchor for item in self._stack}
            what = "contains itself" if event.anchor in open_anchors else "is not defined above"
            self._problem(position, f"alias '*{event.anchor}' {what}", "write the value out")
            self._add(ScalarNode(None, position, ""), 1, 1, None)
            return
        self._aliased += known.size
        if self._aliased > MAX_ALIASED:
            self._problem(
                position,
                f"aliases stand for more than {MAX_ALIASED} values",
                "write a smaller document",
            )
            raise _Stop
        self._check_depth(len(self._stack) + known.height, position)
        self._add(known.node, known.size, known.height, None)

    def _add(self, node: Node, size: int, height: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = _Anchored(node, size, height)
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        parent.items.append(node)
        parent.size += size
        parent.height = max(parent.height, height + 1)

    def _mapping(self, done: _Open) -> MappingNode:
        values: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        merged: list[MappingNode] = []
        for key, value in zip(done.items[::2], done.items[1::2], strict=False):
            if isinstance(key, ScalarNode) and key.text == "<<" and not key.quoted:
                merged.extend(self._merge_sources(value))
                continue
            name = self._key(key)
            if name is None:
                continue
            if name in keys:
                what = f"key '{name}' is here for the second time, first at line {keys[name].line}"
                self._problem(key.position, what, "keep one of them")
                continue
            values[name], keys[name] = value, key.position
        for source in merged:
            for name, value in source.value.items():
                if name not in values:
                    values[name], keys[name] = value, source.keys[name]
        return MappingNode(values, done.position, keys)

    def _key(self, key: Node) -> str | None:
        if isinstance(key, ScalarNode):
            if not isinstance(key.value, str):
                what = (
                    f"key '{key.text}' is not text" if key.text else "a key is missing before ':'"
                )
                self._problem(key.position, what, f'quote it: "{key.text}"' if key.text else "")
            return key.text
        braces = self._line(key.position.line)[key.position.column - 2 :].startswith("{{")
        self._problem(
            key.position,
            "a template that is not quoted" if braces else "a key must be text, not a collection",
            "put the whole value in quotes" if braces else "write a plain key",
        )
        return None

    def _merge_sources(self, value: Node) -> list[MappingNode]:
        items = value.value if isinstance(value, SequenceNode) else (value,)
        sources = [item for item in items if isinstance(item, MappingNode)]
        if len(sources) < len(items):
            what = "'<<' merges mappings only"
            self._problem(value.position, what, 'write "<<: *name" or "<<: [*one, *two]"')
        return sources

    def _tagged(self, event: Event, position: Position) -> ScalarValue:
        if event.tag in ("!", _TAG + "str"):
            return str(event.value)
        expected = _TAGGED.get(event.tag.removeprefix(_TAG))
        if expected is None:
            self._unknown_tag(event.tag, position)
            return str(event.value)
        value = resolve(event.value)
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            self._problem(position, f"'{event.value}' does not fit its tag", "remove the tag")
        return value

    def _at(self, mark: yaml.Mark) -> Position:
        return Position(self.file, mark.line + 1, mark.column + 1)

    def _line(self, number: int) -> str:
        return self._lines[number - 1] if number <= len(self._lines) else ""

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def _problem(self, position: Position, what: str, mend: str) -> None:
        self.problems.append(Problem(position, "", what, mend))

    def _unknown_tag(self, tag: str, position: Position) -> None:
        shown = "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
        self._problem(position, f"tag '{shown}' is not supported", "write the plain value")

    def _check_depth(self, depth: int, position: Position) -> None:
        if depth > MAX_DEPTH:
            what = f"nested more than {MAX_DEPTH} levels deep"
            self._problem(position, what, "write a flatter document")
            raise _Stop

    def _unprintable(self, found: re.Match[str]) -> None:
        before = self.text[: found.start()]
        position = Position(self.file, before.count("\n") + 1, found.start() - before.rfind("\n"))
        what = f"character U+{ord(found[0]):04X} is not allowed in YAML"
        self._problem(position, what, "remove it, or save the file as UTF-8 text")

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        position = self._at(mark) if mark else Position(self.file)
        here = self._line(position.line)[position.column - 1 :][:1]
        said = error.problem or error.context or "this is not YAML"
        self._problem(position, *explain(said, here))


def _events(text: str) -> Generator[yaml.Event]:
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


_HANDLERS: Mapping[type, Callable[[Composer, Event], None]] = {
    yaml.DocumentStartEvent: Composer.document,
    yaml.ScalarEvent: Composer.scalar,
    yaml.AliasEvent: Composer.alias,
    yaml.MappingStartEvent: Composer.start,
    yaml.SequenceStartEvent: Composer.start,
    yaml.MappingEndEvent: Composer.end,
    yaml.SequenceEndEvent: Composer.end,
}
