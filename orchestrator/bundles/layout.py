"""Where things lie in a built bundle's folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
LISTING = "listing"
OBJECTS = "objects"

CHUNK = 1 << 20
"""Bytes of content that are held in memory at a time."""


def content(folder: Path, sha256: str) -> Path:
    """Return where a bundle keeps the file with this hash."""
    return folder / OBJECTS / sha256[:2] / sha256


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; never follows a link, never waits for a pipe's writer.

    Raises OSError when it is anything else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb", buffering=0)
