"""Patches are made here: bytes of a base and a target in, the patch out. Same input, same bytes."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bsdiff4 import core

from orchestrator.bundles.delta.zstandard import CompressionParameter, ZstdDict, compress

MIB = 1 << 20

# Measured on installed Python packages, one core: level 22 packs 3 MB/s and takes 11 bytes of
# memory for each byte of base and target, 19 6 MB/s and 4.
ZSTD_LEVELS: tuple[tuple[int, int], ...] = ((32 * MIB, 22), (160 * MIB, 19))
ZSTD_FAST = 9
"""The level above the limits of ZSTD_LEVELS (bytes of base and target together)."""

DICTIONARY = 8 * MIB
"""Memory that a host needs to undo each of a bsdiff's three streams, in bytes."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of a base (from, to) that belong to bytes of a target (from, to)."""

    base: tuple[int, int]
    target: tuple[int, int]


def zstd_patch(base: bytes, target: bytes) -> bytes:
    """Return what ``zstd -d --long=31 --patch-from=BASE`` turns into the target.

    The base has at least 8 bytes.
    """
    total = len(base) + len(target)
    level = next((level for limit, level in ZSTD_LEVELS if total <= limit), ZSTD_FAST)
    options: dict[int, int] = {
        CompressionParameter.compression_level: level,
        CompressionParameter.window_log: max(10, min(31, total.bit_length())),
        CompressionParameter.enable_long_distance_matching: 1,
        CompressionParameter.checksum_flag: 1,
    }
    return compress(target, options=options, zstd_dict=ZstdDict(base, is_raw=True).as_prefix)


def bsdiff(base: bytes, target: bytes, segments: Sequence[Segment]) -> bytes:
    """Return what host/program/undo_bsdiff.py turns into the target; docs/transfer.md tells how."""
    steps: list[tuple[int, int, int]] = []
    diffs, extras = [], []
    for segment in segments:
        control, diff, extra = core.diff(base[slice(*segment.base)], target[slice(*segment.target)])
        steps.extend(_steps(control, segment.base[0]))
        diffs.append(diff)
        extras.append(extra)
    parts = (_control(steps), b"".join(diffs), b"".join(extras))
    streams = [_packed(part) for part in parts]
    return struct.pack("<3q", *map(len, streams)) + b"".join(streams)


def plain(target: bytes) -> int:
    """Return how long the target is when it is compressed quickly, and without a base."""
    return len(compress(target, level=3))


def _steps(control: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Yield how much is copied from where in the base, and how much is added after it.

    bsdiff's numbers are little-endian, of 8 bytes, with the highest bit as a sign.
    """
    numbers = [n if n >= 0 else -(n + (1 << 63)) for (n,) in struct.iter_unpack("<q", control)]
    for copied, added, skipped in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        yield copied, added, position
        position += copied + skipped


def _control(steps: Sequence[tuple[int, int, int]]) -> bytes:
    """Return the steps with what lies between the end of one copy and the start of the next."""
    out, at = bytearray(), 0
    for copied, added, position in steps:
        out += struct.pack("<3q", position - at, copied, added)
        at = position + copied
    return bytes(out)


def _packed(data: bytes) -> bytes:
    method = {"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": DICTIONARY}
    return lzma.compress(data, lzma.FORMAT_ALONE, filters=[method])
