"""The JSON Schema of plans, for editors."""

from __future__ import annotations

from orchestrator.planfile.kinds import Kinds
from orchestrator.planfile.shapes import plan_shape

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kinds: Kinds) -> dict[str, object]:
    """Return the schema (draft 2020-12) of plans with these kinds of checks and triggers.

    It knows the form only; ``load`` also renders templates and holds parts against each other.
    """
    return {"$schema": DIALECT, "title": "A plan of fleet"} | plan_shape(kinds).schema()
