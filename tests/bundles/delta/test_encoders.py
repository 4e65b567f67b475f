"""Patches are undone by the real tools that a host has."""

from __future__ import annotations

import random
import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.bundles.delta import encoders
from orchestrator.bundles.delta.encoders import Segment
from orchestrator.host.source import undo_bsdiff

CHANCE = random.Random(11)
NOISE = CHANCE.randbytes(300_000)
PLAIN = [
    (b"01234567", b""),
    (b"01234567", b"y"),
    (NOISE, NOISE),
    (b"abc" * 9999, NOISE[:70_000] + b"abc"),
]


def undone(command: list[str], patch: bytes, folder: Path) -> bytes:
    (folder / "patch").write_bytes(patch)
    with (folder / "patch").open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def undo(base: bytes, patch: bytes, folder: Path, *, how: str) -> bytes:
    place = folder / "base"
    place.write_bytes(base)
    commands = {
        "zstd": ["zstd", "-dcq", "--long=31", f"--patch-from={place}"],
        "python": [sys.executable, "-ISc", undo_bsdiff(), str(place)],
    }
    return undone(commands[how], patch, folder)


def halves(base: bytes, target: bytes) -> list[Segment]:
    middle, half = len(base) // 2, len(target) // 2
    first = Segment((0, max(1, middle)), (0, half))
    return [first, Segment((middle, len(base)), (half, len(target)))]


@pytest.mark.parametrize(("base", "target"), PLAIN)
def test_both_kinds(base: bytes, target: bytes, tmp_path: Path) -> None:
    patch = encoders.zstd_patch(base, target)
    assert undo(base, patch, tmp_path, how="zstd") == target
    assert encoders.zstd_patch(base, target) == patch
    for cut in ([Segment((0, len(base)), (0, len(target)))], halves(base, target)):
        patch = encoders.bsdiff(base, target, cut)
        assert undo(base, patch, tmp_path, how="python") == target
        assert encoders.bsdiff(base, target, cut) == patch


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=9), st.data())
def test_any_rearrangement(tmp_path: Path, pieces: list[bytes], data: st.DataObject) -> None:
    base = b"at least" + b"".join(pieces)
    more = st.one_of(st.sampled_from(pieces), st.binary(max_size=50))
    target = b"".join(data.draw(st.lists(more, max_size=9)))
    patch = encoders.zstd_patch(base, target)
    assert undo(base, patch, tmp_path, how="zstd") == target
    patch = encoders.bsdiff(base, target, halves(base, target))
    assert undo(base, patch, tmp_path, how="python") == target


def test_undoing_takes_little_memory(tmp_path: Path) -> None:
    base = bytes(64 << 20)
    target = base[: 40 << 20] + b"x"
    patch = _long_copy(len(target))
    place = tmp_path / "base"
    place.write_bytes(base)
    (tmp_path / "patch").write_bytes(patch)
    limit = 192 << 20  # what Python itself needs, the mapped base, and the decoders

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    with (tmp_path / "patch").open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-ISc", undo_bsdiff(), str(place)],
            stdin=file,
            capture_output=True,
            preexec_fn=limited,
            check=True,
        )
    assert done.stdout == base[: len(target)]


def _long_copy(length: int) -> bytes:
    """Return a bsdiff that copies the beginning of its base."""
    control = encoders._control([(length, 0, 0)])
    streams = [encoders._packed(part) for part in (control, bytes(length), b"")]
    return struct.pack("<3q", *map(len, streams)) + b"".join(streams)


def test_how_long_it_is_without_a_base() -> None:
    assert encoders.plain(b"abc" * 10_000) < 100
    assert encoders.plain(NOISE) > len(NOISE)
