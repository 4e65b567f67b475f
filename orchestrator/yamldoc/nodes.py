"""What a document is made of: frozen nodes, and the values of plain scalars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.errors import Position

ScalarValue: TypeAlias = "str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A single value; ``text`` is its spelling without quotes, ``quoted`` if it was not plain."""

    value: ScalarValue
    position: Position
    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    value: tuple[Node, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping in document order; ``keys`` holds the position of every key."""

    value: Mapping[str, Node]
    position: Position
    keys: Mapping[str, Position]


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


def plain(node: Node) -> object:
    """Return the node as dicts, lists and scalars, without positions."""
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    return node.value


_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# Longer whole numbers stay text: nobody counts with them, and int() refuses thousands of digits.
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,32}")
_FLOAT = re.compile(
    r"[-+]?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|(0|[1-9][0-9]*)(?=[eE]))([eE][-+]?[0-9]+)?"
)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> ScalarValue:
    """Return the value of an unquoted scalar."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "").lower())
    return text
