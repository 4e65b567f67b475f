"""Plain YAML values ↔ hashable ones."""

from __future__ import annotations

from collections.abc import Mapping


class Pairs(tuple[tuple[str, object], ...]):
    """A mapping as a tuple of pairs sorted by key; its type tells it from a list of lists."""

    __slots__ = ()


def freeze(value: object) -> object:
    """Return mappings as Pairs and lists as tuples, all the way down."""
    if isinstance(value, Pairs):
        return value
    if isinstance(value, Mapping):
        return Pairs((str(key), freeze(value[key])) for key in sorted(value, key=str))
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def thaw(value: object) -> object:
    """Return what ``freeze`` was given: dicts and lists."""
    if isinstance(value, Pairs):
        return {key: thaw(item) for key, item in value}
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value
