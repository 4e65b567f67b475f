"""What the single fields of a manifest may say; builder and reader share these rules.

Each rule takes a value and returns what is wrong with it, or the empty string.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from orchestrator.clock import iso

HOOKS = ("pre_activate", "post_activate", "pre_revert", "post_revert")
"""The hooks that a bundle may bring; see docs/host-protocol.md for when each runs."""

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# The expression that semver.org publishes for version 2.0.0 of the specification.
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
    r"(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"

LAST = 8**11 - 1
"""The last second that a tar's header can name without extensions, in the year 2242."""


def package_flaw(name: str) -> str:
    """Judge a package's name: it becomes a folder's name on every host."""
    if len(name) <= 64 and _PACKAGE.fullmatch(name):
        return ""
    return "not a package name: letters, digits, '-', '_' and '.', at most 64 of them"


def version_flaw(version: str) -> str:
    """Judge a version: strict semver 2.0.0."""
    if len(version) <= 128 and _SEMVER.fullmatch(version):
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


def precedence(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    """Return a key that sorts semantic versions as semver.org's clause 11 says."""
    found = _SEMVER.fullmatch(version)
    assert found, version
    release = tuple(int(part) for part in found.group(1, 2, 3))
    pre = (found[4] or "").split(".") if found[4] else []
    return (
        release,
        not pre,
        tuple((False, int(p), "") if p.isdigit() else (True, 0, p) for p in pre),
    )
