"""Choices of an implementation by name: ``- disk_space: {path: /opt, free: 500MiB}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from orchestrator import templates
from orchestrator.errors import InputError, Position
from orchestrator.model.plan import Use
from orchestrator.registry import near_miss
from orchestrator.schema.frozen import Pairs, freeze
from orchestrator.schema.kinds import Kind, Schema
from orchestrator.schema.reader import Reader, Rendering, Wrong, join
from orchestrator.schema.shape import Shape, shape_of
from orchestrator.yamldoc import MappingNode, Node, ScalarNode, SequenceNode

T = TypeVar("T")


@dataclass(frozen=True)
class UseOf(Kind):
    """An item that names one of ``known``, with its options; decodes to a Use.

    The options of the Use are those that differ from the defaults, as decoded; a text with
    templates stays as it is. ``listed`` says that it is an item of a list.
    """

    noun: str
    known: Mapping[str, Shape]
    listed: bool = True

    blank = None

    def decode(self, node: Node, path: str, reader: Reader) -> Use | None:
        """Return the choice, its options validated as far as they hold no templates."""
        name, options = self._choice(node)
        if name not in self.known:
            mend = near_miss(name, self.known) or f"known: {', '.join(self.known)}"
            raise Wrong(f"no such {self.noun}: '{name}'", mend)
        shape, here = self.known[name], join(path, name)
        inner = Reader(Rendering.NOTHING, problems=reader.problems)
        before = len(reader.problems)
        values = _values(shape, options, here, inner)
        if len(reader.problems) > before:
            return None
        if not any(map(_waits, values.values())):
            shape.made(values)
        defaults = {item.name: item.default for item in shape.fields}
        told = {key: value for key, value in values.items() if value != defaults[key]}
        return Use(name, cast(Pairs, freeze(told)), node.position)

    def _choice(self, node: Node) -> tuple[str, Node]:
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            return node.value, ScalarNode(None, node.position, "")
        if isinstance(node, MappingNode) and len(node.value) == 1:
            return next(iter(node.value.items()))
        dash = "- " if self.listed else ""
        raise Wrong(
            f"expected one {self.noun} with its options",
            f"write '{dash}<name>: {{option: value}}'; known: {', '.join(self.known)}",
        )

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        item: Schema = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {name: shape.schema() for name, shape in self.known.items()},
            "additionalProperties": False,
        }
        bare = [
            name
            for name, shape in self.known.items()
            if not any(item.required for item in shape.fields)
        ]
        return {"anyOf": [item, {"enum": bare}]} if bare else item

    def spell(self, value: object) -> object:
        """Return the item as YAML would have it."""
        return {value.name: dict(value.options)} if isinstance(value, Use) else value


def _values(shape: Shape, node: Node, path: str, reader: Reader) -> dict[str, object]:
    try:
        return shape.values(node, path, reader)
    except Wrong as wrong:
        reader.problem(node.position, path, wrong.what, wrong.mend)
        return {}


def _waits(value: object) -> bool:
    if isinstance(value, tuple):
        return any(map(_waits, value))
    return isinstance(value, str) and templates.is_template(value)


def build(use: Use, known: Mapping[str, type[T]], variables: Mapping[str, object]) -> T:
    """Return the implementation that ``use`` names, with its options rendered and decoded.

    Raises InputError with all problems, at the place of the use.
    """
    reader = Reader(Rendering.ALL, variables)
    options = _node(Pairs(use.options), use.position)
    made = reader.decode(shape_of(known[use.name]), options, use.name)
    if reader.problems:
        raise InputError(*reader.problems)
    return cast(T, made)


def _node(value: object, position: Position) -> Node:
    """Return a frozen value as the node it could have been read from."""
    if isinstance(value, Pairs):
        items = {key: _node(item, position) for key, item in value}
        return MappingNode(items, position, dict.fromkeys(items, position))
    if isinstance(value, tuple):
        return SequenceNode(tuple(_node(item, position) for item in value), position)
    scalar = cast("str | int | float | bool | None", value)
    return ScalarNode(scalar, position, _spelled(scalar), quoted=isinstance(value, str))


def _spelled(value: str | float | bool | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
