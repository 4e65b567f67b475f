"""Kinds of single values; each decodes, describes itself as JSON Schema, and spells a value."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.model.plan import Amount
from orchestrator.registry import near_miss
from orchestrator.schema import units
from orchestrator.schema.reader import Reader, Wrong
from orchestrator.yamldoc import Node, ScalarNode

Schema = dict[str, object]
TEMPLATED: Schema = {"type": "string", "pattern": r"\{\{|\{%"}


class Kind(ABC):
    """What a value may be."""

    @property
    @abstractmethod
    def blank(self) -> object:
        """Return the stand-in for a value that was wrong."""

    @abstractmethod
    def decode(self, node: Node, path: str, reader: Reader) -> object:
        """Return the value; raises Wrong, or notes problems with its parts."""

    @abstractmethod
    def schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12)."""

    def spell(self, value: object) -> object:
        """Return a value as JSON or YAML would have it."""
        return value


class ScalarKind(Kind):
    """A single value; ``expected`` names it in messages."""

    expected: str
    sample: str
    """A value for the reference, as YAML text."""

    def decode(self, node: Node, path: str, reader: Reader) -> object:  # noqa: ARG002
        """Return the value, or a template's text while it waits for a host."""
        scalar = reader.scalar(node, self.expected)
        return scalar.text if reader.keeps(scalar) else self.read(scalar)

    @abstractmethod
    def read(self, scalar: ScalarNode) -> object:
        """Return the value of a scalar without templates; raises Wrong."""

    def wrong(self, scalar: ScalarNode, mend: str = "") -> Wrong:
        """Return the complaint about a value that is none of this kind."""
        return Wrong(f"expected {self.expected}, found '{scalar.text}'", mend)


@dataclass(frozen=True)
class Text(ScalarKind):
    """Text; numbers and booleans count as they are spelled.

    ``pattern`` must match the whole text, ``rule`` says so in words.
    """

    expected: str = "text"
    pattern: str = r"[\s\S]+"
    rule: str = ""
    sample: str = ""

    blank = ""

    def read(self, scalar: ScalarNode) -> str:
        """Return the text."""
        if not re.fullmatch(self.pattern, scalar.text):
            raise self.wrong(scalar, self.rule or _something(scalar.text))
        return scalar.text

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        types = ["string", "number", "boolean"]
        if self.pattern == Text.pattern:
            return {"type": types}
        return {"anyOf": [{"type": types, "pattern": f"^(?:{self.pattern})$"}, TEMPLATED]}


@dataclass(frozen=True)
class Template(Text):
    """Text that may hold templates, which are rendered for each host."""

    def decode(self, node: Node, path: str, reader: Reader) -> object:  # noqa: ARG002
        """Return the text, rendered only when it is read for a host."""
        scalar = reader.scalar(node, self.expected, template=True)
        return scalar.text if reader.keeps(scalar, template=True) else self.read(scalar)


@dataclass(frozen=True)
class Flag(ScalarKind):
    """``true`` or ``false``."""

    expected: str = "true or false"
    sample: str = "true"

    blank = False

    def read(self, scalar: ScalarNode) -> bool:
        """Return the boolean."""
        if isinstance(scalar.value, bool):
            return scalar.value
        words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
        meant = words.get(scalar.text.lower())
        raise self.wrong(scalar, f"write {meant}" if meant else "")

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"anyOf": [{"type": "boolean"}, TEMPLATED]}


@dataclass(frozen=True)
class Whole(ScalarKind):
    """A whole number between two bounds, both included."""

    minimum: int = 0
    maximum: int = 1_000_000
    sample: str = "1"

    blank = 0

    @property
    def expected(self) -> str:  # type: ignore[override]
        """Return the name with its bounds."""
        return f"a whole number from {self.minimum} to {self.maximum}"

    def read(self, scalar: ScalarNode) -> int:
        """Return the number."""
        value = scalar.value
        if not isinstance(value, int) or isinstance(value, bool):
            quoted = re.fullmatch(r"[0-9]+", scalar.text) and scalar.quoted
            raise self.wrong(scalar, "write it without quotes" if quoted else "")
        if not self.minimum <= value <= self.maximum:
            raise self.wrong(scalar)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        number = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        return {"anyOf": [number, TEMPLATED]}


@dataclass(frozen=True)
class Duration(ScalarKind):
    """A length of time; decodes to seconds."""

    minimum: float = 0.0
    expected: str = "a duration such as 90s, 10m or 1h30m"
    sample: str = "60s"

    blank = 0.0

    def read(self, scalar: ScalarNode) -> float:
        """Return the seconds."""
        value = units.seconds(scalar.text)
        if value is None:
            raise self.wrong(scalar, _clock_time(scalar.text))
        if value < self.minimum:
            least = units.spell_seconds(self.minimum)
            raise Wrong(f"{scalar.text} is too short", f"give at least {least}")
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        text = {"type": "string", "pattern": f"^(?:{units.DURATION})$"}
        return {"anyOf": [text, {"type": "number", "minimum": 0}, TEMPLATED]}

    def spell(self, value: object) -> object:
        """Return e.g. ``3m``."""
        return units.spell_seconds(value) if isinstance(value, float) else value


def _something(text: str) -> str:
    return "" if text else "write at least one character"


def _clock_time(text: str) -> str:
    return "write 1h30m for an hour and a half" if re.fullmatch(r"\d+:\d\d(:\d\d)?", text) else ""


@dataclass(frozen=True)
class Size(ScalarKind):
    """A number of bytes."""

    expected: str = "a size such as 500MiB or 2GB"
    sample: str = "500MiB"

    blank = 0

    def read(self, scalar: ScalarNode) -> int:
        """Return the bytes."""
        value = units.size(scalar.text)
        if value is None:
            raise self.wrong(scalar)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        text = {"type": "string", "pattern": f"^(?:{units.SIZE})$"}
        return {"anyOf": [text, {"type": "integer", "minimum": 0}, TEMPLATED]}

    def spell(self, value: object) -> object:
        """Return e.g. ``500MiB``."""
        return units.spell_size(value) if isinstance(value, int) else value


@dataclass(frozen=True)
class Quantity(ScalarKind):
    """A count of hosts or a percentage; ``percent`` or ``count`` alone when the other is off."""

    percent: bool = True
    count: bool = True
    positive: bool = False
    sample: str = "10%"

    blank = Amount(1)

    @property
    def expected(self) -> str:  # type: ignore[override]
        """Return the forms that are allowed."""
        forms = ["a count such as 3"] * self.count + ["a percentage such as 10%"] * self.percent
        return " or ".join(forms)

    def read(self, scalar: ScalarNode) -> Amount:
        """Return the amount."""
        value = units.amount(scalar.text)
        if value is None or not (self.percent if value.percent else self.count):
            raise self.wrong(scalar)
        if value.percent and value.value > 100:
            raise Wrong(f"{value} is more than all hosts", "give at most 100%")
        if self.positive and not value.value:
            raise Wrong(f"with {value} no host could ever move", "give at least 1")
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        text = {"type": "string", "pattern": f"^(?:{units.AMOUNT})$"}
        number = {"type": "integer", "minimum": 1 if self.positive else 0}
        return {"anyOf": [text] * self.percent + [number] * self.count + [TEMPLATED]}

    def spell(self, value: object) -> object:
        """Return e.g. ``10%`` or 3."""
        if not isinstance(value, Amount):
            return value
        return str(value) if value.percent else int(value.value)


@dataclass(frozen=True)
class Choice(ScalarKind):
    """One word of a few; decodes to the member of ``words``."""

    words: type[StrEnum]

    @property
    def blank(self) -> object:
        """Return the first word."""
        return next(iter(self.words))

    @property
    def expected(self) -> str:  # type: ignore[override]
        """Return all words."""
        return "one of " + ", ".join(self.words)

    @property
    def sample(self) -> str:  # type: ignore[override]
        """Return the first word."""
        return str(next(iter(self.words)))

    def read(self, scalar: ScalarNode) -> StrEnum:
        """Return the member."""
        if scalar.text in list(self.words):
            return self.words(scalar.text)
        raise self.wrong(scalar, near_miss(scalar.text, self.words))

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"anyOf": [{"enum": [str(word) for word in self.words]}, TEMPLATED]}

    def spell(self, value: object) -> object:
        """Return the word."""
        return str(value)
