"""From the file of a plan to its waves, without bundles and hosts."""

from __future__ import annotations

from pathlib import Path

from orchestrator.compose import KINDS
from orchestrator.inventory import load as load_inventory
from orchestrator.inventory import select
from orchestrator.model.wave import Wave
from orchestrator.planfile import load as load_plan
from orchestrator.planning import plan_waves
from orchestrator.service.prepare import selected


def planned(path: Path) -> tuple[Wave, ...]:
    """Load a plan and its inventory, and return the waves; raises InputError."""
    plan = load_plan(path, KINDS)
    fleet = load_inventory(plan.inventory, plan_dir=path.parent, wanted=plan.hosts)
    chosen = selected(plan, fleet, lambda pattern: select(fleet, pattern), None)
    return plan_waves(plan, chosen.fleet, lambda it: select(fleet, it), chosen.carriers)
