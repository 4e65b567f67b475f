"""The host program's text, as it is sent to every host (docs/host-protocol.md)."""

from __future__ import annotations

import base64
import gzip
from functools import cache
from importlib import resources

PARTS = (
    "base.sh",
    "json.sh",
    "state.sh",
    "lock.sh",
    "listing.sh",
    "proof.sh",
    "trust.sh",
    "versions.sh",
    "seen.sh",
    "drift.sh",
    "keep.sh",
    "run.sh",
    "hooks.sh",
    "triggers.sh",
    "trial.sh",
    "boot.sh",
    "watch.sh",
    "back.sh",
    "ask.sh",
    "stage.sh",
    "receive.sh",
    "rebuild.sh",
    "activate.sh",
    "revert.sh",
    "repair.sh",
    "factory.sh",
    "retire.sh",
    "confirm.sh",
    "reboot.sh",
    "backup.sh",
    "quiet.sh",
    "restore.sh",
    "regain.sh",
    "carried.sh",
    "enrol.sh",
    "diagnose.sh",
    "unlock.sh",
    "main.sh",
)
"""The program's files, in the order in which they are joined."""

BOOTSTRAP = (
    'exec sh -c \'IFS= read -r p && p=$(printf %s "$p" | base64 -d | gzip -dc) && eval "$p"\' fleet'
)
"""The command that a session executes; it takes :func:`program_line` from its input and runs it."""


@cache
def program_text() -> str:
    """Return the program without what only people read: indentation, comment and empty lines."""
    return "".join(map(part, PARTS))


def part(name: str) -> str:
    """Return one of the program's files in the same way; all but the last only define functions."""
    text = (resources.files("orchestrator.host") / "program" / name).read_text("utf-8")
    lines = map(str.strip, text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


@cache
def undo_bsdiff() -> str:
    """Return the Python program with which a host undoes a bsdiff, without what people read."""
    text = (resources.files("orchestrator.host") / "program" / "undo_bsdiff.py").read_text("utf-8")
    lines = (line.rstrip() for line in text.splitlines()[1:])
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


@cache
def program_line() -> bytes:
    """Return the program as the one line of text that opens a session."""
    packed = gzip.compress(program_text().encode(), 9, mtime=0)
    return base64.b64encode(packed) + b"\n"
