"""Semantic versions, by semver.org 2.0.0: what is one, and which of two comes first."""

from __future__ import annotations

import re

Precedence = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]
"""Sorts as versions do: the three numbers, whether it is a release, what a pre-release says."""

LONGEST = 128
"""Characters of a version; the specification sets no limit."""

# The expression that semver.org publishes for version 2.0.0 of the specification.
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
    r"(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)


def is_version(text: str) -> bool:
    """Return whether the text is a semantic version of at most ``LONGEST`` characters."""
    return _parts(text) is not None


def precedence(version: str) -> Precedence:
    """Return a key that sorts semantic versions as clause 11 says; ValueError when it is none."""
    parts = _parts(version)
    if not parts:
        raise ValueError(f"'{version}' is not a semantic version")
    numbers = tuple(int(number) for number in parts.group(1, 2, 3))
    before = parts[4].split(".") if parts[4] else []
    return numbers, not before, tuple(_identifier(part) for part in before)


def _parts(text: str) -> re.Match[str] | None:
    return _SEMVER.fullmatch(text) if len(text) <= LONGEST else None


def _identifier(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdigit() else (True, 0, part)
