"""The smallest builder of releases that the host program's tests need."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


def encoded(name: str) -> str:
    """Return a path as a listing has it."""
    return name.replace("%", "%25").replace("\n", "%0A")


@dataclass(frozen=True)
class Release:
    """A release's content; ``lines`` adds raw lines to its listing."""

    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    version: str = "1.0.0"
    created: str = ""
    expires: str = ""
    signature: bytes = b"none\n"
    forged: dict[str, bytes] = field(default_factory=dict)

    @property
    def listing(self) -> bytes:
        entries = [(path, f"d {mode:04o}") for path, mode in self.folders.items()]
        for path, data in self.files.items():
            digest = hashlib.sha256(data).hexdigest()
            entries.append((path, f"f {self.modes.get(path, 0o644):04o} {len(data)} {digest}"))
        for path, target in self.links.items():
            entries.append((path, f"l {encoded(target).replace(' ', '%20')}"))
        entries += [(path, "s") for path in self.shared]
        lines = [f"{head} {encoded(path)}" for path, head in sorted(entries)]
        return "".join(f"{line}\n" for line in [*lines, *self.lines]).encode()

    @property
    def manifest(self) -> bytes:
        digest = hashlib.sha256(self.listing).hexdigest()
        files = [
            {
                "mode": f"{self.modes.get(path, 0o644):04o}",
                "path": path,
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
            }
            for path, data in sorted(self.files.items())
        ]
        document = {"files": files, "format": 1, "listing": digest, "version": self.version}
        dates = {"created": self.created, "expires": self.expires}
        document |= {name: date for name, date in dates.items() if date}
        text = json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        return text.encode()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.manifest).hexdigest()

    @property
    def id(self) -> str:
        return f"{self.version}-{self.digest[:12]}"

    def named(self) -> dict[str, Any]:
        return {"release": self.id, "manifest": self.digest}

    def payload(self, only: list[str] | None = None) -> bytes:
        """Return the payload with all files, or ``only`` some; ``forged`` replaces what is sent."""
        ours = {"manifest.json": self.manifest, "manifest.sig": self.signature}
        ours["listing"] = self.listing
        content = {f".fleet/{name}": data for name, data in ours.items()}
        wanted = self.files if only is None else only
        content |= {path: self.files[path] for path in wanted}
        content |= {path: data for path, data in self.forged.items() if path in content}
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path, data in content.items():
                info = tarfile.TarInfo(path)
                info.size, info.mode = len(data), self.modes.get(path, 0o644)
                tar.addfile(info, io.BytesIO(data))
        return gzip.compress(packed.getvalue(), 1, mtime=0)

    def signed(self, key: Path) -> Release:
        """Return the release with a real signature."""
        command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "fleet-bundle"]
        made = subprocess.run(command, input=self.manifest, capture_output=True, check=True)
        return replace(self, signature=made.stdout)

    def written_in(self, folder: Path) -> None:
        """Assert that a folder holds exactly this release."""
        for path, data in self.files.items():
            assert (folder / path).read_bytes() == data, path
            assert (folder / path).stat().st_mode & 0o7777 == self.modes.get(path, 0o644), path
        for path, target in self.links.items():
            assert os.readlink(folder / path) == target, path  # noqa: PTH115 (it would tidy "./x")
        for path, mode in self.folders.items():
            assert (folder / path).is_dir(), path
            assert (folder / path).stat().st_mode & 0o7777 == mode, path
        for path in self.shared:
            assert (folder / path).is_symlink(), path
