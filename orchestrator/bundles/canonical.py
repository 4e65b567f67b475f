"""Canonical JSON: one document has exactly one spelling, so that it can be signed.

UTF-8 without byte order mark, object keys sorted by code point, no whitespace, no floats, nothing
escaped that need not be.
"""

from __future__ import annotations

import json
from typing import NoReturn


def encode(document: object) -> bytes:
    """Return the one spelling of ``document``; raises ValueError for text that is not Unicode."""
    text = json.dumps(
        document, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    return text.encode()


def decode(raw: bytes) -> object:
    """Return the document; raises ValueError, saying why, unless ``raw`` is its one spelling."""
    try:
        document = json.loads(raw.decode(), parse_float=_refuse, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if encode(document) != raw:
        raise ValueError("not in canonical form (keys sorted and unique, no whitespace)")
    return document


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"'{text}' is not a whole number")
