"""What a ``.fleet`` file must not be: each deviation named, none written."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.bundles import members
from orchestrator.bundles.archive import unpack
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError

from .mutants import pack


@pytest.fixture
def pieces(built: Path) -> dict[str, bytes]:
    """The members of a signed bundle's archive, each with its header and padding."""
    raw = pack(built)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        for head in tar:
            end = head.offset_data + head.size + -head.size % 512
            found[head.name] = raw[head.offset : end]
    return found


Change = Callable[[dict[str, bytes]], list[bytes]]


def stranger(kind: bytes, name: str = "objects/aa/b", **fields: object) -> bytes:
    head = tarfile.TarInfo(name)
    head.type = kind
    for field, value in fields.items():
        setattr(head, field, value)
    return head.tobuf(tarfile.PAX_FORMAT if head.pax_headers else tarfile.GNU_FORMAT)


def before_content(what: bytes) -> Change:
    return lambda pieces: [*list(pieces.values())[:4], what, *list(pieces.values())[4:]]


def without(name: str) -> Change:
    return lambda pieces: [raw for key, raw in pieces.items() if key != name]


def swapped(pieces: dict[str, bytes]) -> list[bytes]:
    *first, one, other = pieces.values()
    return [*first, other, one]


def doubled(pieces: dict[str, bytes]) -> list[bytes]:
    *first, last = pieces.values()
    return [*first, last, last]


def respelled(raw: bytes, start: int, new: bytes) -> bytes:
    """Return a member with other bytes in its header, and the checksum that fits."""
    head = bytearray(raw[:512])
    head[start : start + len(new)] = new
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + raw[512:]


def last(start: int, new: bytes) -> Change:
    def change(pieces: dict[str, bytes]) -> list[bytes]:
        *first, raw = pieces.values()
        return [*first, respelled(raw, start, new)]

    return change


def manifest_size(field: bytes) -> Change:
    def change(pieces: dict[str, bytes]) -> list[bytes]:
        return [
            respelled(raw, 124, field) if name == "manifest.json" else raw
            for name, raw in pieces.items()
        ]

    return change


HOSTILE: dict[str, tuple[Change, str]] = {
    "no magic": (without("fleet-bundle"), "at byte 0: 'fleet-bundle' should be here"),
    "no manifest": (without("manifest.json"), "'manifest.json' should be here"),
    "no signature": (without("manifest.sig"), "the bundle is not signed"),
    "no listing": (without("listing"), "'listing' should be here"),
    "wrong order": (swapped, "should be here, in a plain header"),
    "a content twice": (doubled, "more than the manifest names"),
    "a content too few": (lambda pieces: list(pieces.values())[:-1], "of 5 bytes should be here"),
    "a symlink": (
        before_content(stranger(tarfile.SYMTYPE, linkname="/etc/passwd")),
        "in a plain header",
    ),
    "a hard link": (before_content(stranger(tarfile.LNKTYPE, linkname="listing")), "plain header"),
    "a folder": (before_content(stranger(tarfile.DIRTYPE, "objects")), "in a plain header"),
    "a device": (before_content(stranger(tarfile.CHRTYPE, "null")), "in a plain header"),
    "a sparse file": (before_content(stranger(tarfile.GNUTYPE_SPARSE)), "in a plain header"),
    "a pax header": (
        before_content(stranger(tarfile.REGTYPE, pax_headers={"size": "9", "path": "../x"})),
        "in a plain header",
    ),
    "a long name": (before_content(stranger(tarfile.REGTYPE, "x" * 150)), "in a plain header"),
    "a way out": (before_content(stranger(tarfile.REGTYPE, "../../etc/passwd")), "plain header"),
    "setuid": (last(100, b"0004755\0"), "in a plain header"),
    "an owner": (last(108, b"0001750\0"), "in a plain header"),
    "a time": (last(136, b"00000000001\0"), "in a plain header"),
    "a prefix": (last(345, b".."), "in a plain header"),
    "8 GiB and more": (last(124, b"\x80\0\0\0\0\0\0\2\0\0\0\0"), "in a plain header"),
    "a small size in base 256": (last(124, b"\x80" + (5).to_bytes(11, "big")), "plain header"),
    "a size with spaces": (last(124, b"          5 "), "in a plain header"),
    "a manifest without end": (manifest_size(b"77777777777\0"), "longer than 134217728 bytes"),
    "a manifest of 2^95 bytes": (manifest_size(b"\x80" + b"\xff" * 11), "longer than 134217728"),
    "a manifest of less than nothing": (manifest_size(b"\xff" * 12), "longer than 134217728"),
    "a manifest's size that is none": (manifest_size(b"-0000000001\0"), "should be here|longer"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_members(case: str, pieces: dict[str, bytes], trust: Trust, tmp_path: Path) -> None:
    change, what = HOSTILE[case]
    raw = b"".join([*change(pieces), members.END])
    refuse(io.BytesIO(raw), trust, tmp_path, what)


def refuse(stream: members.Stream, trust: Trust, tmp_path: Path, what: str) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir(exist_ok=True)
    with pytest.raises(BundleError, match=what) as caught:
        unpack(stream, workspace / "out", trust, name="evil.fleet")
    assert str(caught.value).startswith("evil.fleet")
    assert len(caught.value.problems) == 1
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize("more", [b"\0", bytes(512), bytes(9216), b"more"])
def test_what_follows_the_end(
    more: bytes, pieces: dict[str, bytes], trust: Trust, tmp_path: Path
) -> None:
    raw = b"".join([*pieces.values(), members.END, more])
    refuse(io.BytesIO(raw), trust, tmp_path, "something follows the end")


def test_padding_is_zeros(pieces: dict[str, bytes], trust: Trust, tmp_path: Path) -> None:
    raw = b"".join([*pieces.values()])[:-1] + b"\1" + members.END
    refuse(io.BytesIO(raw), trust, tmp_path, "is not filled up with zeros")


def test_cut_short_anywhere(pieces: dict[str, bytes], trust: Trust, tmp_path: Path) -> None:
    raw = b"".join([*pieces.values(), members.END])
    lengths = {*range(0, len(raw), 256), *range(len(raw) - 20, len(raw)), 1, 511, 513}
    for length in lengths:
        refuse(io.BytesIO(raw[:length]), trust, tmp_path, "it ends too early")


class Slow(io.RawIOBase):
    """A stream that gives a few bytes at a time, as sockets may."""

    def __init__(self, raw: bytes) -> None:
        self._chunks: Iterator[bytes] = (raw[at : at + 7] for at in range(0, len(raw), 7))
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        self._rest = self._rest or next(self._chunks, b"")
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def test_short_reads_are_fine(
    pieces: dict[str, bytes], built: Path, trust: Trust, tmp_path: Path
) -> None:
    raw = b"".join([*pieces.values(), members.END])
    unpack(Slow(raw), tmp_path / "out", trust, name="slow.fleet")
    assert pack(tmp_path / "out") == raw


class Broken(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_stream_that_fails(trust: Trust, tmp_path: Path) -> None:
    refuse(Broken(), trust, tmp_path, "it cannot be read: Input/output error")
