"""What the single fields of a manifest may say; builder and reader share these rules.

Each rule takes a value and returns what is wrong with it, or the empty string.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from orchestrator.clock import iso
from orchestrator.model import ranges
from orchestrator.model import version as semver
from orchestrator.model.bundle import Urgency

FIRST_HOOKS = ("pre_activate", "post_activate", "pre_revert", "post_revert")
"""The hooks that bundles of the formats 1 and 1.1 may bring."""

HOOKS = ("post_stage", *FIRST_HOOKS, "cleanup")
"""The hooks that a bundle may bring; see docs/hooks.md for when each runs."""

TOO_EARLY = "pre_stage"
"""The hook that no bundle may bring: it runs before the bundle's content is on the host."""

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"

RESERVED = "trust"
"""The folder beside the packages' records where a host keeps its pinned trust file."""

LAST = 8**11 - 1
"""The last second that a tar's header can name without extensions, in the year 2242."""

LONGEST_NOTES = 16_384
"""Characters that the notes of a release may have."""


def package_flaw(name: str) -> str:
    """Judge a package's name: it becomes a folder's name on every host."""
    if name == RESERVED:
        return f"a name that hosts use for themselves: '{RESERVED}'"
    if len(name) <= 64 and _PACKAGE.fullmatch(name):
        return ""
    return "not a package name: letters, digits, '-', '_' and '.', at most 64 of them"


def version_flaw(version: str) -> str:
    """Judge a version: strict semver 2.0.0."""
    if semver.is_version(version):
        return ""
    return "not a semantic version such as 2.4.1 or 2.5.0-rc.1"


def range_flaw(text: str) -> str:
    """Judge a range of versions; ``latest`` is none, since no manifest knows what will be."""
    if text.strip() != ranges.LATEST and ranges.is_range(text):
        return ""
    return "not a range of versions such as ^2.4 or >=2.0.0 <3"


def urgency_flaw(text: str) -> str:
    """Judge an urgency."""
    return "" if text in set(Urgency) else f"not one of {', '.join(Urgency)}"


def notes_flaw(text: str) -> str:
    """Judge notes: people read them on terminals."""
    if len(text) > LONGEST_NOTES:
        return f"longer than {LONGEST_NOTES} characters"
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in text):
        return "not text: a control character is in it"
    return ""


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
