"""The example plans are plans, and editors know their schema."""

from __future__ import annotations

import os.path
import re
from pathlib import Path

import pytest

from orchestrator.compose import KINDS
from orchestrator.planfile import load

ROOT = Path(__file__).parents[2]
PLANS = sorted((ROOT / "playbooks").rglob("*.yml"))


def test_there_are_plans() -> None:
    assert {"gateway.yml", "pypiserver.yml"} <= {plan.name for plan in PLANS}


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_loads(plan: Path) -> None:
    assert load(plan, KINDS).packages


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_names_its_schema_for_editors(plan: Path) -> None:
    modeline = re.match(r"# yaml-language-server: \$schema=(.+)\n", plan.read_text())
    assert modeline
    assert (plan.parent / modeline[1]).resolve() == ROOT / "docs" / "plan.schema.json"
    assert (plan.parent / modeline[1]).exists()


def test_the_gateway_plan_has_its_inventory() -> None:
    [inventory] = load(ROOT / "playbooks" / "gateway.yml", KINDS).inventory
    assert os.path.isdir(inventory)  # noqa: PTH112


def test_the_demonstration_goes_canary_then_a_quarter_then_the_rest() -> None:
    plan = load(ROOT / "playbooks" / "demo" / "pypiserver.yml", KINDS, {"version": "2.4.2"})
    assert [str(cohort.share or cohort.hosts) for cohort in plan.rollout.cohorts] == [
        "canaries",
        "25%",
        "None",
    ]
    assert plan.packages[0].version == "2.4.2"
