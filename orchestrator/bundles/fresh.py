"""Files and folders that appear whole or not at all: made beside their place, then renamed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def fresh(target: Path) -> Iterator[Path]:
    """Lend a path beside ``target`` where nothing is yet; what is left there at the end goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield holder / "new"
    finally:
        shutil.rmtree(holder)


def swap(work: Path, target: Path) -> None:
    """Put what was made at a lent path in its place; what stood there goes when the lender ends."""
    if target.is_dir():
        target.rename(work.with_name("old"))
    work.rename(target)
