"""Stored texts. ``FLEET_GOLDEN=write pytest …`` stores them anew; read the difference then."""

from __future__ import annotations

import os
from pathlib import Path


def expect(file: Path, text: str) -> None:
    """Compare ``text`` with what is stored in ``file``."""
    if os.environ.get("FLEET_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
