"""Plans: YAML → Plan, every problem at once with its place."""

from orchestrator.planfile.kinds import Kinds
from orchestrator.planfile.load import load
from orchestrator.planfile.lock import lock_path, misfits, read_lock, spell_lock, write_lock
from orchestrator.planfile.reference import reference
from orchestrator.planfile.schema import json_schema

__all__ = [
    "Kinds",
    "json_schema",
    "load",
    "lock_path",
    "misfits",
    "read_lock",
    "reference",
    "spell_lock",
    "write_lock",
]
