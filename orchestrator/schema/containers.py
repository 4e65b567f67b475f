"""Kinds that hold other kinds: lists, mappings with free keys, and values of any form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.errors import Position
from orchestrator.schema.frozen import Pairs, freeze
from orchestrator.schema.kinds import Kind, Schema, Text
from orchestrator.schema.reader import Reader, Wrong, join
from orchestrator.schema.shape import Shape
from orchestrator.yamldoc import MappingNode, Node, ScalarNode, SequenceNode


@dataclass(frozen=True)
class ListOf(Kind):
    """A list; with ``single``, one item may stand without its brackets."""

    item: Kind
    single: bool = False
    least: int = 0

    blank = ()

    def decode(self, node: Node, path: str, reader: Reader) -> tuple[object, ...]:
        """Return the items; those that were wrong are left out or blank."""
        if isinstance(node, ScalarNode):
            if node.value is None and not self.least:
                return ()
            if self.single and node.value is not None:
                return (reader.decode(self.item, node, path),)
        if not isinstance(node, SequenceNode):
            raise Wrong("expected a list", "begin each item with '- '")
        if len(node.value) < self.least:
            raise Wrong("the list is empty", f"give at least {self.least}")
        items = (reader.decode(self.item, n, join(path, i)) for i, n in enumerate(node.value))
        return tuple(item for item in items if item is not None)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        item = self.item.schema()
        some: Schema = {"type": "array" if self.least else ["array", "null"], "items": item}
        if self.least:
            some["minItems"] = self.least
        return {"anyOf": [item, some]} if self.single else some

    def spell(self, value: object) -> object:
        """Return the items spelled."""
        return [self.item.spell(item) for item in value] if isinstance(value, tuple) else value


def _entries(node: Node) -> MappingNode | None:
    if isinstance(node, ScalarNode) and node.value is None:
        return None
    if not isinstance(node, MappingNode):
        raise Wrong("expected a mapping", "write 'name: value' lines below the key")
    return node


@dataclass(frozen=True)
class MapOf(Kind):
    """A mapping from free names to values; decodes to pairs sorted by name."""

    value: Kind
    key: Text

    blank = Pairs()

    def decode(self, node: Node, path: str, reader: Reader) -> Pairs:
        """Return the pairs."""
        mapping = _entries(node)
        if mapping is None:
            return Pairs()
        decoded = {}
        for name, value in mapping.value.items():
            check_key(name, mapping.keys[name], self.key, path, reader)
            decoded[name] = reader.decode(self.value, value, join(path, name))
        return Pairs(sorted(decoded.items()))

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {
            "type": ["object", "null"],
            "additionalProperties": self.value.schema(),
            "propertyNames": {"pattern": f"^(?:{self.key.pattern})$"},
        }

    def spell(self, value: object) -> object:
        """Return a mapping."""
        return dict(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Named(Kind):
    """A mapping from names to mappings of one shape, which are given their ``name``."""

    shape: Shape
    key: Text

    blank = ()

    def decode(self, node: Node, path: str, reader: Reader) -> tuple[object, ...]:
        """Return the objects in document order; each stands where its name does."""
        mapping = _entries(node)
        if mapping is None or not mapping.value:
            raise Wrong(f"expected at least one {self.key.expected}")
        found = []
        for name, value in mapping.value.items():
            check_key(name, mapping.keys[name], self.key, path, reader)
            named = self.shape.at(name, mapping.keys[name])
            found.append(reader.decode(named, value, join(path, name)))
        return tuple(found)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": self.shape.schema(),
            "propertyNames": {"pattern": f"^(?:{self.key.pattern})$"},
        }


def check_key(name: str, position: Position, key: Text, path: str, reader: Reader) -> None:
    """Note a key that does not match what keys must be."""
    if not re.fullmatch(key.pattern, name):
        reader.problem(position, join(path, name), f"not {key.expected}", key.rule)


@dataclass(frozen=True)
class Values(Kind):
    """A mapping of variables of any form; a text may use the variables above it."""

    key: Text

    blank = Pairs()

    def decode(self, node: Node, path: str, reader: Reader) -> object:
        """Return the variables, frozen; the reader knows them from here on.

        Variables that the reader knew before win over those of the same name.
        """
        given = reader.variables
        mapping = _entries(node) or MappingNode({}, node.position, {})
        for name, value in mapping.value.items():
            check_key(name, mapping.keys[name], self.key, path, reader)
            rendered = _value(value, join(path, name), reader)
            reader.variables = {name: rendered, **reader.variables}
        return freeze({**reader.variables, **given})

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": f"^(?:{self.key.pattern})$"},
        }


def _value(node: Node, path: str, reader: Reader) -> object:
    if isinstance(node, MappingNode):
        return {key: _value(item, join(path, key), reader) for key, item in node.value.items()}
    if isinstance(node, SequenceNode):
        return [_value(item, join(path, i), reader) for i, item in enumerate(node.value)]
    if not isinstance(node.value, str):
        return node.value
    try:
        return reader.scalar(node, "text").text
    except Wrong as wrong:
        reader.problem(node.position, path, wrong.what, wrong.mend)
        return node.text
