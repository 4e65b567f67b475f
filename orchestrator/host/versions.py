"""Which of two releases' versions is the lower one."""

from __future__ import annotations

import re

from orchestrator.model.version import is_version, precedence

_RELEASE = re.compile(r"(.+)-[0-9a-f]{12}", re.ASCII)


def version_of(release: str) -> str:
    """Return the version that a release id starts with, or the empty string."""
    found = _RELEASE.fullmatch(release)
    return found[1] if found else ""


def is_lower(version: str, than: str) -> bool:
    """Return whether ``version`` precedes ``than``; false when either is not a version."""
    return is_version(version) and is_version(than) and precedence(version) < precedence(than)
