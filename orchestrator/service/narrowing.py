"""A plan cut down to some of its packages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from orchestrator.errors import UsageError
from orchestrator.model.plan import EdgeKind, Plan
from orchestrator.registry import near_miss


def only(plan: Plan, names: Collection[str]) -> Plan:
    """Return the plan with these packages alone; raises UsageError for one that it has not."""
    there = [package.name for package in plan.packages]
    for name in names:
        if name not in there:
            hint = near_miss(name, there) or f"packages are: {', '.join(there)}"
            raise UsageError(f"the plan has no package '{name}'", hint=hint)
    return replace(
        plan,
        packages=tuple(package for package in plan.packages if package.name in names),
        edges=tuple(
            edge
            for edge in plan.edges
            if edge.kind is EdgeKind.HOSTS or {edge.before, edge.after} <= {*names}
        ),
    )
