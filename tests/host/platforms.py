"""The platforms that the host program is for: a shell, the tools around it, an awk.

Tests run on the usual ones; with ``FLEET_PLATFORMS=all`` on every one (``make platforms``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUSYBOX = "busybox"
BESIDES = ("ssh-keygen",)
"""Tools that busybox has no applet for, and that tests need."""


@dataclass(frozen=True)
class Platform:
    """Which programs are ``sh`` and ``awk``; ``awk`` is empty where busybox brings every tool."""

    shell: str
    awk: str = ""

    def lay_out(self, folder: Path) -> str:
        """Make a folder of tools, and return the PATH that is this platform."""
        folder.mkdir()
        if not self.awk:
            subprocess.run([found(BUSYBOX), "--install", "-s", str(folder)], check=True)
            for tool in BESIDES:
                (folder / tool).symlink_to(found(tool))
        else:
            link(folder / "awk", self.awk)
        if self.shell == "bash":
            bash = found("bash")
            (folder / "sh").unlink(missing_ok=True)
            (folder / "sh").write_text(f'#!{bash}\nexec {bash} --posix "$@"\n')
            (folder / "sh").chmod(0o755)
        else:
            link(folder / "sh", self.shell)
        return f"{folder}:{os.environ['PATH']}" if self.awk else str(folder)


USUAL = ("dash", "bash", "busybox")
"""Debian and its relatives; Fedora and its; Alpine and OpenWrt."""

PLATFORMS = {
    "dash": Platform("dash", "mawk"),
    "bash": Platform("bash", "gawk"),
    "busybox": Platform(BUSYBOX),
    "dash with gawk": Platform("dash", "gawk"),
    "dash with the original awk": Platform("dash", "original-awk"),
    "dash with busybox awk": Platform("dash", BUSYBOX),
    "bash with mawk": Platform("bash", "mawk"),
    "busybox ash with GNU tools": Platform(BUSYBOX, "mawk"),
    "dash with busybox only": Platform("dash"),
    "bash with busybox only": Platform("bash"),
}
RARE = tuple(name for name in PLATFORMS if name not in USUAL)


def chosen(*usual: str) -> tuple[str, ...]:
    """Return the platforms to run a test on: these, or all when the environment says so."""
    return tuple(PLATFORMS) if os.environ.get("FLEET_PLATFORMS") == "all" else usual


def found(name: str) -> str:
    """Return where a program is that tests need."""
    path = shutil.which(name)
    assert path, f"the host program's tests need {name}: run python -m tests.machine"
    return path


def link(place: Path, program: str) -> None:
    """Make ``place`` start a program; busybox is the applet of that name."""
    place.unlink(missing_ok=True)
    place.symlink_to(found(program))
