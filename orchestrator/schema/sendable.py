"""Text that a host's shell can be given."""

from __future__ import annotations

import re

_IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")
"""NUL ends a word wherever it stands, and half of a surrogate pair is no UTF-8."""


def is_sendable(text: str) -> bool:
    """Return whether a shell would get the text as it is."""
    return _IMPOSSIBLE.search(text) is None
