"""Keys that say what a host keeps of a package: releases, backups, local changes."""

from __future__ import annotations

from orchestrator.model import keeping as model
from orchestrator.schema import Duration, Field, Size, Whole, shape_for

KEEP = shape_for(
    model.Retention,
    "Releases kept on a host, the active one included; it and the previous one always stay.",
    Field("releases", Whole(2, 100), "How many at most."),
    Field("age", Duration(), "Those laid down longer ago are removed; 0s: whatever their age."),
    Field("free", Size(), "The oldest are removed while less than this is free; 0: no matter."),
    short="releases",
)

BACKUPS = shape_for(
    model.BackupRetention,
    "Backups of local changes kept on a host.",
    Field("keep", Whole(0, 1000), "How many at most."),
    Field("age", Duration(), "Older ones are removed; 0s: whatever their age."),
    short="keep",
)
