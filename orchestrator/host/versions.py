"""Which of two versions is the lower one, by semver.org 2.0.0 clause 11."""

from __future__ import annotations

import re

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_RELEASE = re.compile(r"(.+)-[0-9a-f]{12}", re.ASCII)

Precedence = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def version_of(release: str) -> str:
    """Return the version that a release id starts with, or the empty string."""
    found = _RELEASE.fullmatch(release)
    return found[1] if found else ""


def is_lower(version: str, than: str) -> bool:
    """Return whether ``version`` precedes ``than``; false when either is not a version."""
    ours, theirs = _precedence(version), _precedence(than)
    return ours is not None and theirs is not None and ours < theirs


def _precedence(version: str) -> Precedence | None:
    found = _VERSION.fullmatch(version)
    if not found:
        return None
    pre = found[4].split(".") if found[4] else []
    core = tuple(int(part) for part in found.group(1, 2, 3))
    return core, not pre, tuple(_identifier(part) for part in pre)


def _identifier(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdigit() else (True, 0, part)
