"""What the single fields of a manifest may say; builder and reader share these rules.

Each rule takes a value and returns what is wrong with it, or the empty string.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from orchestrator.clock import iso
from orchestrator.model import version as semver

HOOKS = ("pre_activate", "post_activate", "pre_revert", "post_revert")
"""The hooks that a bundle may bring; see docs/host-protocol.md for when each runs."""

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"

LAST = 8**11 - 1
"""The last second that a tar's header can name without extensions, in the year 2242."""

precedence = semver.precedence
"""What versions are sorted by."""


def package_flaw(name: str) -> str:
    """Judge a package's name: it becomes a folder's name on every host."""
    if len(name) <= 64 and _PACKAGE.fullmatch(name):
        return ""
    return "not a package name: letters, digits, '-', '_' and '.', at most 64 of them"


def version_flaw(version: str) -> str:
    """Judge a version: strict semver 2.0.0."""
    if semver.is_version(version):
        return ""
    return "not a semantic version such as 2.4.1 or 2.5.0-rc.1"


def instant_flaw(text: str) -> str:
    """Judge an instant: ISO 8601 in UTC, to the second, from 1970 on."""
    try:
        if iso(seconds(text)) == text and 0 <= seconds(text) <= LAST:
            return ""
    except ValueError:
        pass
    return "not an instant such as 2026-01-31T04:05:06Z"


def word_flaw(word: str) -> str:
    """Judge an operating system or architecture: one word, as the host's facts have it."""
    return "" if _WORD.fullmatch(word) else "not a word such as debian or x86_64"


def seconds(instant: str) -> int:
    """Return an instant as seconds since the Unix epoch."""
    return int(datetime.strptime(instant, _INSTANT).replace(tzinfo=UTC).timestamp())
