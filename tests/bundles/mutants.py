"""Damaged and hostile bundles, and the judge of what becomes of them.

A mutator takes a victim and a source of chance. Outsiders change bytes that others signed;
insiders hold the key, and sign what they made of it. ``bench/fuzz.py`` runs them for longer.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import asyncssh

from orchestrator.bundles import archive, canonical, forms, layout, listing, manifest, members
from orchestrator.bundles.reader import Parts, parts
from orchestrator.bundles.sshsig import NAMESPACE
from orchestrator.bundles.tree import Tree
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError
from orchestrator.model.bundle import FileEntry, FolderEntry, LinkEntry

NASTY: tuple[Any, ...] = (
    *("", ".", "..", "../x", "/", "/etc/passwd", ".fleet", "a/b", "BIN", "bin", "data", "\n", "\0"),
    *(
        "0644",
        "4755",
        "0" * 64,
        "1.0.0",
        "^2",
        "latest",
        "low",
        "\x1b[2J",
        "é",
        "e\u0301",
        "x" * 300,
    ),
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**200, [], {}, [[]]),
    *({"path": "x"}, "1.1", "1.3", "x" * 300),
)


@dataclass(frozen=True)
class Victim:
    """A signed bundle in both forms, and the key that signs for it."""

    folder: Path
    key: asyncssh.SSHKey
    trust: Trust

    @property
    def parts(self) -> Parts:
        return parts(self.folder)

    @property
    def archive(self) -> bytes:
        return pack(self.folder)

    @property
    def contents(self) -> dict[str, bytes]:
        objects = (self.folder / layout.OBJECTS).rglob("*")
        return {path.name: path.read_bytes() for path in objects if path.is_file()}

    def signed(self, raw: bytes, lines: bytes) -> bytes:
        """Return the archive of a manifest that the key's holder made up."""
        signature = asyncssh.create_sshsig(self.key, raw, namespace=NAMESPACE)
        found = replace(self.parts, manifest=raw, signature=signature, listing=lines)
        kept = self.contents
        sizes = {name: len(content) for name, content in sorted(kept.items())}
        with suppress(BundleError):
            sizes = manifest.contents(raw, "mutant")
        stream = io.BytesIO()
        contents = ((name, size, (kept.get(name, b""),)) for name, size in sizes.items())
        archive.emit(found, contents, stream)
        return stream.getvalue()


def pack(folder: Path) -> bytes:
    stream = io.BytesIO()
    archive.write(folder, stream)
    return stream.getvalue()


# What anybody can do to a file.


def flipped(raw: bytearray, chance: Random) -> None:
    for _ in range(chance.randint(1, 4)):
        raw[_spot(raw, chance)] ^= 1 << chance.randrange(8)


def cut(raw: bytearray, chance: Random) -> None:
    del raw[_spot(raw, chance) :]


def longer(raw: bytearray, chance: Random) -> None:
    raw += chance.choice([b"\0", bytes(512), bytes(10240), b"more", bytes(raw)])


def spliced(raw: bytearray, chance: Random) -> None:
    start, end = sorted(_spot(raw, chance) for _ in range(2))
    at = _spot(raw, chance)
    raw[at : at + chance.choice([0, end - start])] = raw[start:end]


def blocks(raw: bytearray, chance: Random) -> None:
    """Swap, double, drop or blank whole blocks."""
    found = [raw[i : i + members.BLOCK] for i in range(0, len(raw), members.BLOCK)]
    one, other = chance.randrange(len(found)), chance.randrange(len(found))
    change = chance.randrange(4)
    if change == 0:
        found[one], found[other] = found[other], found[one]
    elif change == 1:
        found.insert(one, found[other])
    elif change == 2:
        del found[one]
    else:
        found[one] = bytearray(members.BLOCK)
    raw[:] = b"".join(found)


FIELDS = {
    (0, 100): (b"", b"../x", b"/etc/passwd", b"listing", b"manifest.json", b"\xff" * 100),
    (100, 108): (b"", b"0004755\0", b"0000644 ", b"0100644\0"),
    (108, 116): (b"0001750\0", b"\xff" * 8),
    (116, 124): (b"0001750\0",),
    (124, 136): (
        *(b"", b"0", b"00000000000 ", b"77777777777\0", b"-0000000001\0", b"  0000000006"),
        *(b"\x80" + bytes(11), b"\x80" + b"\xff" * 11, b"\xff" * 12, b"\x80" + bytes(10) + b"\6"),
        *(b"\x80\0\0\0\0\0\0\2\0\0\0\0", b"00000000009\0", b"0x000000006\0", b"1_0\0"),
    ),
    (136, 148): (b"00000000001\0", b""),
    (156, 157): tuple(bytes([kind]) for kind in b"\x001234567LKSMNVxgADX"),
    (157, 257): (b"/etc/passwd", b"../../x"),
    (257, 265): (b"ustar\x0000", b"", b"ustar   "),
    (265, 297): (b"root",),
    (329, 345): (b"0000001\0",),
    (345, 500): (b"..", b"/"),
    (500, 512): (b"\1" * 12,),
}
"""Where the fields of a header are, and what may be written there."""


def headers(raw: bytearray, chance: Random) -> None:
    """Change a field of a header, with the checksum made right again."""
    at = _header(raw, chance)
    start, end = chance.choice(list(FIELDS))
    raw[at + start : at + end] = chance.choice(FIELDS[start, end]).ljust(end - start, b"\0")
    head = raw[at : at + 512]
    head[148:156] = b" " * 8
    raw[at + 148 : at + 156] = b"%06o\0 " % sum(head)


PAX: tuple[dict[str, str], ...] = (
    {},
    {"size": "6"},
    {"path": "../x"},
    {"GNU.sparse.size": "9"},
)


def strangers(raw: bytearray, chance: Random) -> None:
    """Put a member of another kind somewhere, as tar programs would."""
    head = tarfile.TarInfo(chance.choice(["x" * 150, "../x", "/etc/x", "listing", "objects/aa/b"]))
    head.type = chance.choice([b"0", b"1", b"2", b"3", b"5", b"6", b"S", b"x", b"g", b"L"])
    head.size = chance.choice([0, 0, 6, 8**11, 2**63])
    head.linkname = chance.choice(["", "../x", "listing"])
    head.pax_headers = chance.choice(PAX)
    made = head.tobuf(tarfile.PAX_FORMAT if chance.randrange(2) else tarfile.GNU_FORMAT)
    at = _header(raw, chance)
    raw[at:at] = made + bytes(512 * chance.randrange(2))


Outsider = Callable[[bytearray, Random], None]
OUTSIDERS: tuple[Outsider, ...] = (
    *(flipped, cut, longer, spliced, blocks, headers, headers, strangers),
)


def outsider(victim: Victim, chance: Random) -> bytes:
    """Return the archive after one or two changes by somebody without the key."""
    raw = bytearray(victim.archive)
    for _ in range(chance.randint(1, 2)):
        chance.choice(OUTSIDERS)(raw, chance)
        if not raw:
            break
    return bytes(raw)


# What somebody with the key can sign.


def edited(victim: Victim, chance: Random) -> bytes:
    """Return an archive whose manifest says something else, with a listing that fits."""
    document = json.loads(victim.parts.manifest)
    for _ in range(chance.randint(1, 3)):
        container, key = chance.choice(list(_places(document)))
        change = chance.randrange(6)
        if change == 0 and isinstance(container, dict):
            del container[key]
        elif change == 1 and isinstance(container, list):
            container.insert(key, container[chance.randrange(len(container))])
        elif change == 2 and isinstance(container, dict):
            container[str(chance.choice(NASTY))] = _nasty(chance)
        else:
            container[key] = _nasty(chance)
    lines = victim.parts.listing
    with suppress(TypeError, KeyError, ValueError, AttributeError):
        lines = listing.render(_tree(document))
        document["listing"] = hashlib.sha256(lines).hexdigest()
    return victim.signed(canonical.encode(document), lines)


def garbled(victim: Victim, chance: Random) -> bytes:
    """Return an archive whose manifest is hardly JSON any more, but signed."""
    raw = bytearray(victim.parts.manifest)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(raw))
        raw[at : at + chance.randrange(4)] = bytes(chance.choices(b'{}[]",:\\u0e1-. \n\xff', k=3))
    return victim.signed(bytes(raw), victim.parts.listing)


INSIDERS = (edited, edited, garbled)


def _spot(raw: bytearray, chance: Random) -> int:
    return chance.randrange(len(raw))


def _header(raw: bytearray, chance: Random) -> int:
    there = [i for i in range(0, len(raw), 512) if raw[i + 257 : i + 262] == b"ustar"]
    return chance.choice(there or [0])


def _nasty(chance: Random) -> Any:
    return copy.deepcopy(chance.choice(NASTY))


def _places(found: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in found.items() if isinstance(found, dict) else enumerate(found):
        yield found, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _tree(document: dict[str, Any]) -> Tree:
    return Tree(
        tuple(
            FileEntry(e["path"], int(e["mode"], 8), e["size"], e["sha256"])
            for e in document["files"]
        ),
        tuple(LinkEntry(e["path"], e["target"]) for e in document["links"]),
        tuple(FolderEntry(e["path"], int(e["mode"], 8)) for e in document["folders"]),
        tuple(document["shared"]),
    )


# What becomes of them.


def judge(raw: bytes, workspace: Path, trust: Trust) -> bool:
    """Return whether a mutant was accepted; AssertionError unless that, or the refusal, is right.

    Accepted means: what was laid down is, packed again, the same file. Refused means: one clear
    error, and nothing is left.
    """
    into = workspace / "mutant"
    try:
        archive.unpack(io.BytesIO(raw), into, trust, name="mutant.fleet")
    except BundleError as error:
        check_message(error)
        assert list(workspace.iterdir()) == []
        return False
    assert pack(into) == raw
    assert list(workspace.iterdir()) == [into]
    shutil.rmtree(into)
    return True


def judge_folder(folder: Path, victim: Victim) -> bool:
    """Return whether a changed folder is taken for the bundle; it must then be the bundle."""
    try:
        forms.verify(folder, victim.trust)
    except BundleError as error:
        check_message(error)
        return False
    assert parts(folder).manifest == victim.parts.manifest
    assert replace(victim, folder=folder).contents == victim.contents
    return True


def check_message(error: BundleError) -> None:
    said = str(error)
    assert said
    assert len(error.problems) <= manifest.MAX_PROBLEMS + 1
    assert all(line.isprintable() for line in said.split("\n")), said
    assert "Traceback" not in said
