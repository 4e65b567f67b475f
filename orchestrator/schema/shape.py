"""Mappings with known keys: a table of fields and what is made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.errors import Position
from orchestrator.registry import near_miss
from orchestrator.schema.kinds import Kind, ScalarKind, Schema
from orchestrator.schema.reader import Reader, Wrong, join
from orchestrator.yamldoc import MappingNode, Node, ScalarNode

REQUIRED = object()
_OPTION = "orchestrator.option"


@dataclass(frozen=True)
class Field:
    """One key: its kind, what it means, and its default (``REQUIRED``: it has none).

    ``example`` is YAML for the reference, instead of the default or the kind's sample.
    ``instead`` says that it stands in place of a key above it. ``first`` is decoded before others.
    """

    name: str
    kind: Kind
    help: str
    default: object = REQUIRED
    example: str = ""
    instead: bool = False
    first: bool = False

    @property
    def required(self) -> bool:
        """Return whether the key must be there."""
        return self.default is REQUIRED

    @property
    def fallback(self) -> object:
        """Return the value when the key is missing."""
        return self.kind.blank if self.required else self.default

    @property
    def spelled(self) -> str | int | float | None:
        """Return the default as YAML has it; None if there is none worth telling."""
        told = None if self.required else self.kind.spell(self.default)
        return told if isinstance(told, str | int | float) and told != "" else None


def option(
    kind: Kind,
    help: str,  # noqa: A002  the word that argparse and click use for the same
    *,
    default: object = REQUIRED,
    **more: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401  like dataclasses.field, which it stands for
    """Declare a dataclass field that is also a key in YAML; see Field for the parameters."""
    metadata = {_OPTION: Field("", kind, help, default, **more)}
    absent = dataclasses.MISSING if default is REQUIRED else default
    return field(default=absent, metadata=metadata)


@dataclass(frozen=True)
class Shape(Kind):
    """A mapping with known keys.

    ``make`` is called with every field, and with ``position`` if ``positioned``; it may raise
    Wrong. A bare scalar is the value of the key ``short``. ``later`` are keys that a later
    version will know.
    """

    make: Callable[..., object]
    help: str
    fields: tuple[Field, ...]
    short: str = ""
    positioned: bool = False
    later: tuple[str, ...] = ()
    given: Mapping[str, object] = field(default_factory=dict)

    @property
    def blank(self) -> object:
        """Return what is made of blanks and defaults; None when that makes no sense."""
        try:
            return self.made({})
        except Wrong:
            return None

    def at(self, name: str, position: Position) -> Shape:
        """Return the shape of an entry that has its name and place from its parent."""
        return replace(self, given={"name": name, "position": position})

    def made(self, values: Mapping[str, object]) -> object:
        """Make the object, with defaults and blanks for what is missing; raises Wrong."""
        complete = {item.name: item.fallback for item in self.fields} | dict(values)
        if self.positioned:
            complete.setdefault("position", Position(""))
        return self.make(**complete | dict(self.given))

    def decode(self, node: Node, path: str, reader: Reader) -> object:
        """Return what is made of the mapping."""
        known = len(reader.problems)
        values = self.values(node, path, reader)
        if self.positioned:
            values["position"] = node.position
        try:
            return self.made(values)
        except Wrong:
            if len(reader.problems) > known:  # made of blanks: no wonder
                return None
            raise

    def values(self, node: Node, path: str, reader: Reader) -> dict[str, object]:
        """Return the values of the keys that are there; notes what is wrong with any."""
        found = self._entries(node, path, reader)
        values = {}
        for item in sorted(self.fields, key=lambda item: not item.first):
            if item.name in found:
                here = path if found[item.name] is node else join(path, item.name)
                values[item.name] = reader.decode(item.kind, found[item.name], here)
            elif item.required:
                reader.problem(node.position, path, f"'{item.name}' is missing", _wanted(item))
        return values

    def _entries(self, node: Node, path: str, reader: Reader) -> Mapping[str, Node]:
        if isinstance(node, ScalarNode):
            if node.value is None:
                return {}
            if self.short:
                return {self.short: node}
        if not isinstance(node, MappingNode):
            names = ", ".join(item.name for item in self.fields)
            raise Wrong("expected a mapping", f"its keys are: {names}")
        known = {
            item.name: node.value[item.name] for item in self.fields if item.name in node.value
        }
        for key in node.value.keys() - known.keys():
            self._unknown(key, node.keys[key], path, reader)
        return known

    def _unknown(self, key: str, position: Position, path: str, reader: Reader) -> None:
        names = [item.name for item in self.fields]
        what, mend = f"no such key: '{key}'", f"keys here are: {', '.join(names)}"
        if key in self.later:
            what, mend = "not supported by this version", "remove it"
        reader.problem(position, join(path, key), what, near_miss(key, names) or mend)

    def spell(self, value: object) -> object:  # noqa: ARG002
        """Return nothing: the defaults are those of the fields."""
        return None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        required = [item.name for item in self.fields if item.required]
        shape: Schema = {
            "type": "object" if required else ["object", "null"],
            "description": self.help,
            "properties": {item.name: _described(item) for item in self.fields},
            "additionalProperties": False,
        }
        if required:
            shape["required"] = required
        if not self.short:
            return shape
        short = next(item for item in self.fields if item.name == self.short)
        return {"anyOf": [shape, short.kind.schema()], "description": self.help}


def _wanted(item: Field) -> str:
    expected = item.kind.expected if isinstance(item.kind, ScalarKind) else ""
    return f"add '{item.name}: …' ({expected or item.help})"


def _described(item: Field) -> Schema:
    described: Schema = item.kind.schema() | {"description": item.help}
    if item.spelled is not None:
        described["default"] = item.spelled
    return described


def shape_of(cls: type) -> Shape:
    """Return the shape of a dataclass whose fields are made by ``option``.

    ``cls.short`` (a class variable) names the key of its short form; its docstring is the help.
    """
    fields = tuple(
        replace(item.metadata[_OPTION], name=item.name)
        for item in dataclasses.fields(cls)
        if _OPTION in item.metadata
    )
    help = (cls.__doc__ or "").partition("\n")[0]  # noqa: A001
    return Shape(cls, help, fields, short=getattr(cls, "short", ""))


def shape_for(
    model: type,
    help: str,  # noqa: A002
    *fields: Field,
    make: Callable[..., object] | None = None,
    **more: Any,  # noqa: ANN401
) -> Shape:
    """Return the shape of a model's dataclass: its defaults and ``position`` come from there."""
    defaults = {item.name: default_of(model, item.name) for item in dataclasses.fields(model)}
    known = tuple(
        replace(item, default=defaults.get(item.name, REQUIRED)) if item.required else item
        for item in fields
    )
    positioned = "position" in defaults
    return Shape(make or model, help, known, positioned=positioned, **more)


def default_of(model: type, name: str) -> object:
    """Return the default of a dataclass's field, or ``REQUIRED``."""
    found = next(item for item in dataclasses.fields(model) if item.name == name)
    if found.default_factory is not dataclasses.MISSING:
        return found.default_factory()
    return REQUIRED if found.default is dataclasses.MISSING else found.default
