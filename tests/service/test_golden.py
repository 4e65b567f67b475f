"""The plan by which hosts go back to their golden releases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import HostError, PlanError, UsageError
from orchestrator.host.looking import Look
from orchestrator.host.replies import Probe
from orchestrator.model.plan import Origin, Package, Plan
from orchestrator.service.golden import golden, moves, restoring
from orchestrator.service.options import RunOptions
from orchestrator.service.preflight import Looks

GOLD = Package("app", "all", Origin("x"), version="^2", factory="1.0.0")
PLAIN = Package("db", "all", Origin("x"), version="^2")
PLAN = Plan("p", "plan.yml", "d", ("i",), "all", (GOLD, PLAIN))


def test_packages_that_have_one_or_those_that_are_named() -> None:
    assert golden(PLAN, ()) == golden(PLAN, ["app"]) == {"app": "1.0.0"}


def test_packages_that_have_none() -> None:
    with pytest.raises(PlanError, match=r"packages\.db: the plan names no golden release"):
        golden(PLAN, ["db"])
    with pytest.raises(PlanError, match=r"packages\.db: "):
        golden(replace(PLAN, packages=(PLAIN,)), ())
    with pytest.raises(UsageError, match="no package 'ap'"):
        golden(PLAN, ["ap"])


def test_the_plan_moves_just_these_and_may_go_down() -> None:
    made = restoring(PLAN, {"app": "1.0.0"})
    assert made.packages == (replace(GOLD, version="1.0.0", allow_downgrade=True),)
    assert made.digest == PLAN.digest


def test_moves_are_told_of_hosts_that_have_another() -> None:
    looks: Looks = {
        "a": Look({}, {"app": Probe(active="2.0.0-aaaaaaaaaaaa")}),
        "b": Look({}, {"app": Probe(active="1.0.0-bbbbbbbbbbbb")}),
        "c": Look({}, {"app": Probe()}),
        "d": HostError("gone"),
    }
    assert list(moves(looks, {"app": "1.0.0"})) == ["app: 2.0.0 -> 1.0.0"]


def test_a_resumed_run_knows_where_it_goes() -> None:
    options = RunOptions(factory={"app": "1.0.0"})
    assert RunOptions.from_dict(options.to_dict()).factory == {"app": "1.0.0"}
