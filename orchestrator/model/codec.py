"""Events ⇄ versioned documents of JSON values: what the journal keeps and sinks print.

A document is the event's fields by name plus ``"kind"`` (the class's name in snake_case) and
``"v"`` (the version of that kind, from 1). Reading is lenient where that is safe, strict elsewhere:

- a field that this version does not know is ignored, one that is absent takes its default;
- an older version is upgraded step by step through ``UPGRADES``;
- an unknown kind, a newer version, a missing or ill-typed value is a JournalError.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from orchestrator.errors import JournalError
from orchestrator.model.event import Event
from orchestrator.registry import near_miss

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Document = dict[str, Any]
Hint = Any
"""A type, as annotations name it."""
Decode = Callable[[object], object]
"""Turns a JSON value into a value of one type; raises _Misfit."""

UPGRADES: dict[tuple[str, int], Callable[[Document], Document]] = {}
"""(kind, version) → makes that version's document one of the next version.

A kind's current version is one more than the number of its entries here.
"""


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


_SCALARS = frozenset({str, int, float, bool, type(None)})

KINDS: Mapping[str, type[Event]] = {_snake(cls.__name__): cls for cls in typing.get_args(Event)}
_KIND_OF = {cls: kind for kind, cls in KINDS.items()}


def to_dict(event: Event) -> Document:
    """Return the event as a document of JSON values.

    Raises JournalError when the event carries a value that JSON has no form for.
    """
    kind = _KIND_OF[type(event)]
    try:
        return {"kind": kind, "v": _version(kind), **_fields(event)}
    except _Misfit as misfit:
        raise JournalError(f"a {kind} event cannot be written down: {misfit}") from None


def from_dict(doc: object) -> Event:
    """Return the event that a document stands for; the document is left as it is.

    Raises JournalError for a kind or version that is not known here, or a value that does not fit.
    """
    try:
        return _event(_as_mapping(doc))
    except _Misfit as misfit:
        raise JournalError(
            f"an event cannot be read: {misfit}",
            hint="its document is damaged, or was not written by fleet",
        ) from None


class _Misfit(Exception):
    """A value does not fit its type; ``path`` is where, from the event's field down."""

    def __init__(self, what: str, path: str = "") -> None:
        super().__init__(f"{path}: {what}" if path else what)
        self.what = what
        self.path = path

    def under(self, name: str) -> _Misfit:
        return _Misfit(self.what, f"{name}.{self.path}" if self.path else name)


def _event(doc: Mapping[str, object]) -> Event:
    kind = str(doc.get("kind"))
    if kind not in KINDS:
        raise JournalError(
            f"'{kind}' is not a kind of event that this fleet knows",
            hint=near_miss(kind, KINDS) or "read it with the fleet that wrote it, or a newer one",
        )
    try:
        return cast("Event", _READERS[kind](_upgraded(kind, doc)))
    except _Misfit as misfit:
        raise misfit.under(kind) from None


def _version(kind: str) -> int:
    return 1 + sum(known == kind for known, _ in UPGRADES)


def _upgraded(kind: str, doc: Mapping[str, object]) -> Document:
    version = doc.get("v")
    if not isinstance(version, int) or version < 1:
        raise _Misfit(f"{version!r} is not a version", "v")
    current = _version(kind)
    if version > current:
        raise JournalError(
            f"a {kind} event has version {version}; this fleet knows versions up to {current}",
            hint="read it with the fleet that wrote it, or a newer one",
        )
    upgraded = dict(doc)
    for step in range(version, current):
        upgraded = UPGRADES[kind, step](upgraded)
    return upgraded


def _fields(value: DataclassInstance) -> Document:
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> object:
    """Return ``value`` made of JSON's types alone."""
    if type(value) in _SCALARS:  # nearly always: spares the slower questions below
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    raise _Misfit(f"JSON has no form for {value!r}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise _Misfit(f"JSON has no form for the key {key!r}")
    return key


def _decoder(hint: Hint) -> Decode:
    """Return what turns a JSON value into one of the type ``hint``."""
    origin: Hint = typing.get_origin(hint)
    make = _DECODERS.get(hint if origin is None else origin)
    if make is not None:
        return make(*typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enumeration(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _record(hint)
    raise TypeError(f"events have no document form for fields of type {hint}")


def _record(cls: type[DataclassInstance]) -> Decode:
    hints = typing.get_type_hints(cls)
    members = [(field.name, _decoder(hints[field.name])) for field in fields(cls)]
    required = {
        field.name
        for field in fields(cls)
        if field.default is MISSING and field.default_factory is MISSING
    }

    def decode(value: object) -> object:
        doc, found = _as_mapping(value), {}
        for name, member in members:
            if name in doc:
                try:
                    found[name] = member(doc[name])
                except _Misfit as misfit:
                    raise misfit.under(name) from None
            elif name in required:
                raise _Misfit("is missing", name)
        return cls(**found)

    return decode


def _enumeration(cls: type[Enum]) -> Decode:
    members = {member.value: member for member in cls}

    def decode(value: object) -> object:
        if not isinstance(value, str) or value not in members:
            raise _Misfit(f"{value!r} is not one of {', '.join(members)}")
        return members[value]

    return decode


def _sequence(item: Hint, _ellipsis: Hint) -> Decode:
    member = _decoder(item)

    def decode(value: object) -> object:
        if not isinstance(value, list):
            raise _Misfit(f"{value!r} is not a list")
        return tuple(map(member, value))

    return decode


def _mapping(_key: Hint, item: Hint) -> Decode:
    member = _decoder(item)
    return lambda value: {key: member(each) for key, each in _as_mapping(value).items()}


def _union(*hints: Hint) -> Decode:
    members = [_decoder(hint) for hint in hints]

    def decode(value: object) -> object:
        misfits = []
        for member in members:
            try:
                return member(value)
            except _Misfit as misfit:
                misfits.append(misfit)
        raise misfits[0]

    return decode


def _scalar(cls: type, what: str) -> Callable[[], Decode]:
    def decode(value: object) -> object:
        if type(value) is not cls:
            raise _Misfit(f"{value!r} is not {what}")
        return value

    return lambda: decode


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Misfit(f"{value!r} is not a number")
    return float(value)


def _as_mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _Misfit(f"{value!r} is not a mapping")
    return value


_DECODERS: Mapping[Hint, Callable[..., Decode]] = {
    object: lambda: lambda value: value,
    str: _scalar(str, "text"),
    bool: _scalar(bool, "true or false"),
    int: _scalar(int, "a whole number"),
    float: lambda: _number,
    types.NoneType: _scalar(types.NoneType, "null"),
    tuple: _sequence,
    dict: _mapping,
    types.UnionType: _union,
    typing.Union: _union,
}
"""What a type is made of → builds its decoder from the type's arguments."""

_READERS: Mapping[str, Decode] = {kind: _record(cls) for kind, cls in KINDS.items()}
