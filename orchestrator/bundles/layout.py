"""Where things lie in a built bundle's folder."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
LISTING = "listing"
OBJECTS = "objects"

SUFFIX = ".fleet"
"""How the name of a bundle in its single-file form ends."""

CHUNK = 1 << 20
"""Bytes of content that are held in memory at a time."""


def title(package: str, version: str, revision: int) -> str:
    """Return what a built bundle is called: ``app-1.2.0``, then ``app-1.2.0_r2``.

    No semantic version has an underscore.
    """
    return f"{package}-{version}" + (f"_r{revision}" if revision > 1 else "")


def revisions(out: Path, package: str, version: str) -> dict[Path, int]:
    """Return the built bundles of one version in a folder, by name, each with its revision."""
    named = re.compile(rf"{re.escape(title(package, version, 1))}(?:_r(\d{{1,9}}))?({SUFFIX})?")
    there = out.iterdir() if out.is_dir() else ()
    found = ((path, named.fullmatch(path.name)) for path in there)
    return {path: int(match[1] or 1) for path, match in found if match}


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


def chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield what a file holds, piece by piece; of ``size`` bytes, as far as is known."""
    step = min(CHUNK, size + 1)
    while chunk := file.read(step):
        yield chunk
