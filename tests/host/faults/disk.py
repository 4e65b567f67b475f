"""A small disk of a host's own, to be filled up and made read-only; takes root and a namespace."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

SIZE = "4m"
PATIENCE = 10.0


class Disk:
    """A tmpfs on a folder; ``hurt`` while it is not as it should be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hurt = False

    def fill(self) -> None:
        """Leave no byte free."""
        self.mend()
        self.hurt = True
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            for size in (65536, 1):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(b"x" * size)

    def protect(self) -> None:
        """Let nothing be written."""
        self.mend()
        self.hurt = True
        self._remount("ro")

    def mend(self) -> None:
        """Make it a disk again."""
        self._remount("rw")
        (self.folder / "ballast").unlink(missing_ok=True)
        self.hurt = False

    def _remount(self, how: str) -> None:
        """Remount; whoever is just writing may keep it busy for a moment."""
        deadline = time.monotonic() + PATIENCE
        command = ["mount", "-o", f"remount,{how}", str(self.folder)]
        while subprocess.run(command, check=False, capture_output=True).returncode:
            assert time.monotonic() < deadline, f"cannot remount {self.folder} {how}"
            time.sleep(0.05)


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    """Mount a disk on a folder for the length of the block."""
    options = f"size={SIZE},mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "fleet", str(folder)], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
