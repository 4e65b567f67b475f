"""What a plan may name, and the loader does not know by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kinds:
    """Kinds of checks, triggers and gates by the names that plans give them."""

    checks: Mapping[str, type]
    triggers: Mapping[str, type]
    gates: Mapping[str, type]
