"""What a patch is against, and how it lines up with what it is to give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import layout
from orchestrator.bundles.content import content
from orchestrator.bundles.delta.encoders import Segment
from orchestrator.bundles.payload import Hashing
from orchestrator.bundles.reader import Bundle
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.model.transfer import Base

BLOCK = 16 << 20
"""Bytes of a base from which on it is cut up: a bsdiff needs 16 times as much memory."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A file of a base, and its line (from 1) in the base's listing."""

    line: int
    entry: FileEntry


def picked(base: Bundle, target: Manifest) -> tuple[Pick, ...]:
    """Return the files of ``base`` whose bytes the target has no use for, each content once."""
    done = {entry.sha256 for entry in target.files}
    files = iter(base.manifest.files)
    found = []
    for number, line in enumerate(base.listing.splitlines(), start=1):
        if line.startswith(b"f "):  # listing and manifest are sorted alike
            entry = next(files)
            if entry.sha256 not in done and entry.size:
                found.append(Pick(number, entry))
                done.add(entry.sha256)
    return tuple(found)


def size(base: Bundle, picks: Sequence[Pick]) -> int:
    """Return how long the base is, in bytes."""
    return _head(base) + sum(pick.entry.size for pick in picks)


def write(base: Bundle, picks: Sequence[Pick], path: Path) -> Base:
    """Write the base to a file; raises TrustError when content is not what was signed."""
    with path.open("wb") as file:
        to = Hashing(file)
        to.write(base.manifest_bytes)
        to.write(base.listing)
        for pick in picks:
            pour(base, pick.entry, to)
    lines = ",".join(_ranges([pick.line for pick in picks]))
    return Base(base.manifest.release, lines, to.hexdigest(), size(base, picks))


def pour(bundle: Bundle, entry: FileEntry, to: Hashing) -> None:
    """Write a file's content; raises TrustError when it is not what was signed."""
    with content(bundle, entry) as reading:
        for start in range(0, entry.size, layout.CHUNK):
            to.write(reading.read(min(layout.CHUNK, entry.size - start)))


def segments(
    base: Bundle, picks: Sequence[Pick], head: int, files: Sequence[FileEntry]
) -> tuple[Segment, ...]:
    """Return how base and target line up: both heads, then what lies between equal paths.

    ``head`` is how long the target is before its first file. All bytes of the target are in one
    segment or another, in order.
    """
    both = [(p.entry.path, 0, p.entry.size) for p in picks] + [(f.path, 1, f.size) for f in files]
    found = []
    start, at = (0, 0), [_head(base), head]
    for _, side, length in sorted(both):
        if at[0] - start[0] >= BLOCK and side == 0:
            found.append(Segment((start[0], at[0]), (start[1], at[1])))
            start = (at[0], at[1])
        at[side] += length
    return (*found, Segment((start[0], at[0]), (start[1], at[1])))


def _head(base: Bundle) -> int:
    return len(base.manifest_bytes) + len(base.listing)


def _ranges(numbers: list[int]) -> Iterator[str]:
    """Yield ascending numbers as ``3-5`` or ``9``."""
    start = end = 0
    for number in [*numbers, 0]:
        if start and number != end + 1:
            yield f"{start}-{end}" if end > start else str(start)
            start = 0
        start, end = start or number, number
