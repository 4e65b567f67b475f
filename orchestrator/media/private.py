"""Files that nobody else may read, not even while they are written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

OWNER = 0o600


def create(path: Path, mode: int = OWNER) -> BinaryIO:
    """Open a new file for its owner alone; what has its name, as a draft of ours, goes first."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")
