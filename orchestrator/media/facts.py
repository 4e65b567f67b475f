"""The facts of an outcome as a host may tell them: what is here has just this shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from orchestrator.errors import JournalError

Fits = Callable[[object], bool]

_NAME = re.compile(r"[A-Za-z0-9._+~-]{1,128}", re.ASCII)
_WIDEST = 200
"""Members of one table or list."""


def expect_facts(facts: object) -> None:
    """Raise JournalError unless ``facts`` are such as a host tells."""
    if not isinstance(facts, dict):
        raise JournalError("facts are not a mapping")
    for name, value in facts.items():
        if name not in FACTS or not FACTS[name](value):
            raise JournalError(f"the facts have no such '{name[:40]}'")


def _text(value: object) -> bool:
    return isinstance(value, str)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _yes(value: object) -> bool:
    return value is True


def _table(fits: Fits) -> Fits:
    """Return what takes packages by name, each with a value that fits."""

    def holds(value: object) -> bool:
        return (
            isinstance(value, dict)
            and len(value) <= _WIDEST
            and all(_NAME.fullmatch(name) and fits(it) for name, it in value.items())
        )

    return holds


def _record(*names: str) -> Fits:
    """Return what takes texts under just these names."""

    def holds(value: object) -> bool:
        return (
            isinstance(value, dict) and set(value) == set(names) and all(map(_text, value.values()))
        )

    return holds


def _entries(value: object) -> bool:
    """Tell whether these are lines of a host's own history."""
    return (
        isinstance(value, list)
        and len(value) <= _WIDEST
        and all(isinstance(it, dict) and all(map(_scalar, it.values())) for it in value)
    )


def _scalar(value: object) -> bool:
    return _text(value) or _count(value)


FACTS: Mapping[str, Fits] = {
    "os": _text,
    "os_version": _text,
    "arch": _text,
    "boot_id": _text,
    "changes": _count,
    "packages": _table(_record("from", "to")),
    "staged": _table(_record("signature")),
    "reboot": _yes,
    "confirmed": _text,
    "left": _table(_text),
    "history": _table(_entries),
}
"""What ``install.sh`` tells, and nothing else."""
