"""Undoes a bsdiff on a host: base file as argument, patch as (seekable) input, result as output."""

# Sent with the request that needs it, and so kept short; for Python 3.7 and later. The patch's form
# is in docs/transfer.md. The base is mapped and the result written as it is made, so that memory
# goes to the patch and three decoders alone, 8 MiB each.

from __future__ import annotations

import io
import lzma
import mmap
import os
import struct
import sys

STEP = 1 << 16
LOW = int.from_bytes(b"\x7f" * STEP, "little")
HIGH = int.from_bytes(b"\x80" * STEP, "little")


def _sizes(total: int) -> list[int]:
    return [STEP] * (total // STEP) + [total % STEP]


def _take(stream: lzma.LZMAFile, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        sys.exit(1)
    return data


# Adds bytes to bytes, each for itself: as one number whose highest bits carry nothing over.
def _add(left: bytes, right: bytes) -> bytes:
    a, b = int.from_bytes(left, "little"), int.from_bytes(right, "little")
    return ((a & LOW) + (b & LOW) ^ (a ^ b) & HIGH).to_bytes(len(left), "little")


def _main() -> None:
    streams, at = [], 24
    for size in struct.unpack("<3q", os.pread(0, 24, 0)):
        packed = io.BytesIO(os.pread(0, size, at))
        streams.append(lzma.open(packed, format=lzma.FORMAT_ALONE))  # noqa: SIM115
        at += size
    control, diff, extra = streams
    old = mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), 0, access=mmap.ACCESS_READ)
    out, at = sys.stdout.buffer, 0
    for skip, copy, add in struct.iter_unpack("<3q", control.read()):
        at += skip
        for size in _sizes(copy):
            out.write(_add(_take(diff, size), old[at : at + size]))
            at += size
        for size in _sizes(add):
            out.write(_take(extra, size))
    out.flush()


_main()
