"""What a plan means, as one hash."""

from __future__ import annotations

import dataclasses
import json
from hashlib import sha256

from orchestrator.model.plan import Plan
from orchestrator.schema import Pairs


def digest(plan: Plan) -> str:
    """Return the sha256 (hex) of a plan's values.

    Left out are positions, source and digest, so that spelling, comments, and the folder that the
    plan lies in make no difference: give it the plan with its paths as relative as they were.
    """
    meaning = _canonical(dataclasses.replace(plan, source="", digest=""))
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode()).hexdigest()


def _canonical(value: object) -> object:
    if dataclasses.is_dataclass(value):
        parts = (f.name for f in dataclasses.fields(value) if f.compare)
        return {name: _canonical(getattr(value, name)) for name in parts}
    if isinstance(value, Pairs):
        return {"pairs": [[key, _canonical(item)] for key, item in value]}
    if isinstance(value, tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str | int | float | bool | None):
        return value
    return repr(value)
