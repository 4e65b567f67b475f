"""A folder that appears whole or not at all: made beside its place, then renamed into it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.bundles import layout


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """Lend an empty bundle's folder beside ``target``; what is left of it at the end is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    work = holder / "new"
    (work / layout.OBJECTS).mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(holder)


def swap(work: Path, target: Path) -> None:
    """Put a lent folder in its place; what stood there goes when the folder's lender ends."""
    if target.exists():
        target.rename(work.parent / "old")
    work.rename(target)
