"""The text of ``install.sh``: the parts in ``program/``, joined as they stand."""

from __future__ import annotations

from functools import cache
from importlib import resources

PARTS = (
    "base.sh",
    "medium.sh",
    "session.sh",
    "record.sh",
    "actions.sh",
    "control.sh",
    "main.sh",
)
"""The script's files, in the order in which they are joined."""


@cache
def script_text() -> str:
    """Return the whole script."""
    folder = resources.files("orchestrator.media") / "program"
    return "\n".join((folder / part).read_text("utf-8") for part in PARTS)
