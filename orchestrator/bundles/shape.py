"""Asking a JSON value for what it must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

from orchestrator.bundles.tree import shown

T = TypeVar("T")


class Shape:
    """A JSON value that knows its place; every question raises ValueError when it does not fit."""

    __slots__ = ("_key", "_parent", "value")

    def __init__(self, value: object, key: str = "", parent: Shape | None = None) -> None:
        self.value = value
        self._key = key
        self._parent = parent

    @property
    def place(self) -> str:
        """Return where the value stands, e.g. ``files[3].mode``."""
        above = self._parent.place if self._parent else ""
        return above + self._key if above else self._key.lstrip(".")

    def refuse(self, what: str) -> NoReturn:
        """Raise the ValueError that says what is wrong here."""
        raise ValueError(f"{self.place or 'the document'}: {what}")

    def fields(self, *names: str, optional: bool = False) -> dict[str, Shape]:
        """Return an object's fields: just these, and all of them unless ``optional``."""
        if not isinstance(self.value, dict):
            self.refuse("not an object")
        unknown = sorted(self.value.keys() - set(names))
        if unknown:
            self.refuse(f"unknown field '{shown(unknown[0])}'")
        missing = sorted(set(names) - self.value.keys())
        if missing and not optional:
            self.refuse(f"field '{missing[0]}' is missing")
        return {name: Shape(value, f".{name}", self) for name, value in self.value.items()}

    def field(self, name: str) -> Shape:
        """Return one field of an object, whatever else is in it."""
        if not isinstance(self.value, dict):
            self.refuse("not an object")
        if name not in self.value:
            self.refuse(f"field '{name}' is missing")
        return Shape(self.value[name], f".{name}", self)

    def pairs(
        self, rule: Callable[[str], str], read: Callable[[Shape], T]
    ) -> tuple[tuple[str, T], ...]:
        """Return the fields of an object whose names ``rule`` finds no flaw in, by name."""
        if not isinstance(self.value, dict):
            self.refuse("not an object")
        names = sorted(self.value)
        fields = [(Shape(name, f".{shown(name)}", self), self.field(name)) for name in names]
        return tuple((name.ruled(rule), read(field)) for name, field in fields)

    def items(self, read: Callable[[Shape], T]) -> tuple[T, ...]:
        """Return a list's items as ``read`` has them."""
        if not isinstance(self.value, list):
            self.refuse("not a list")
        return tuple(read(Shape(item, f"[{i}]", self)) for i, item in enumerate(self.value))

    def text(self, pattern: re.Pattern[str] | None = None) -> str:
        """Return text that matches ``pattern`` as a whole."""
        if not isinstance(self.value, str):
            self.refuse("not text")
        if pattern and not pattern.fullmatch(self.value):
            self.refuse("malformed")
        return self.value

    def ruled(self, rule: Callable[[str], str]) -> str:
        """Return text that ``rule`` finds no flaw in."""
        text = self.text()
        flaw = rule(text)
        if flaw:
            self.refuse(flaw)
        return text

    def truth(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.refuse("neither true nor false")
        return self.value

    def number(self, least: int) -> int:
        """Return a whole number of at least ``least`` that fits 63 bits."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse("not a whole number")
        if not least <= self.value < 2**63:
            self.refuse("out of range")
        return self.value
