"""A reader of ``.fleet`` files, written from docs/bundle-format.md alone: nothing of ours is used.

It proves signatures with ssh-keygen, and believes what a trusted signer says of paths and links.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any, BinaryIO

LATER = {
    "urgency": "normal",
    "notes": "",
    "provides": {},
    "floors": [],
    "config": [],
    "reads": {},
    "reboot": False,
    "requires": {"memory": 0, "packages": {}, "tags": []},
}


def read(file: BinaryIO, signers: Path, identity: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the manifest, and the content of each file; ValueError if it is no good bundle."""
    expect(small(file, "fleet-bundle"), b"1\n")
    raw, signature = small(file, "manifest.json"), small(file, "manifest.sig")
    prove(raw, signature, signers, identity)
    manifest: dict[str, Any] = json.loads(raw)
    expect(
        json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(),
        raw,
    )
    if manifest["format"] not in (1, "1.1", "1.2", "1.3"):
        raise ValueError("unknown format")
    lines = small(file, "listing")
    expect(hashlib.sha256(lines).hexdigest(), manifest["listing"])
    expect(lines, listing(manifest))
    sizes = {entry["sha256"]: entry["size"] for entry in manifest["files"]}
    contents = {name: content(file, name, sizes[name]) for name in sorted(sizes)}
    expect(file.read(), bytes(1024))
    return LATER | manifest, {e["path"]: contents[e["sha256"]] for e in manifest["files"]}


def expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError(f"{found!r:.80} instead of {wanted!r:.80}")


def header(name: str, size: int) -> bytes:
    number = b"%011o\0" % size if size < 8 << 30 else b"\x80" + size.to_bytes(11, "big")
    start = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + number + b"0" * 11
    end = b"0" + bytes(100) + b"ustar  \0" + bytes(247)
    checksum = sum(start) + sum(end) + 8 * ord(" ")
    return start + b"\0" + b"%06o\0 " % checksum + end


def small(file: BinaryIO, name: str) -> bytes:
    head = file.read(512)
    return member(file, name, int(head[124:135], 8), head)


def content(file: BinaryIO, name: str, size: int) -> bytes:
    raw = member(file, f"objects/{name[:2]}/{name}", size, file.read(512))
    expect(hashlib.sha256(raw).hexdigest(), name)
    return raw


def member(file: BinaryIO, name: str, size: int, head: bytes) -> bytes:
    expect(head, header(name, size))
    raw = file.read(size)
    expect(len(raw), size)
    expect(file.read(-size % 512), bytes(-size % 512))
    return raw


def listing(manifest: dict[str, Any]) -> bytes:
    def name(text: str) -> str:
        return text.replace("%", "%25").replace("\n", "%0A")

    lines = [(e["path"], f"d {e['mode']}") for e in manifest["folders"]]
    lines += [(e["path"], f"f {e['mode']} {e['size']} {e['sha256']}") for e in manifest["files"]]
    lines += [(e["path"], f"l {name(e['target']).replace(' ', '%20')}") for e in manifest["links"]]
    lines += [(path, "s") for path in manifest["shared"]]
    return "".join(f"{head} {name(path)}\n" for path, head in sorted(lines)).encode()


def prove(raw: bytes, signature: bytes, signers: Path, identity: str) -> None:
    proof = signers.with_name("manifest.sig")
    proof.write_bytes(signature)
    who = ["-f", str(signers), "-I", identity, "-n", "fleet-bundle", "-s", str(proof)]
    command = ["ssh-keygen", "-Y", "verify", *who]
    done = subprocess.run(command, input=raw, capture_output=True, check=False)
    expect(done.returncode, 0)
