"""From a plan, a fleet and bundles to waves, zones and assignments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import PlanError, UsageError
from orchestrator.host.work import PackageWork
from orchestrator.model.bundle import Manifest
from orchestrator.model.event import Target
from orchestrator.model.fleet import Endpoint, Fleet, Host
from orchestrator.model.plan import (
    Amount,
    Origin,
    Package,
    Plan,
    Reboot,
    RolloutPolicy,
    Step,
    UnavailabilityBudget,
    Use,
)
from orchestrator.model.trial import RebootWhen
from orchestrator.service.prepare import LOCK_MARGIN, Prepared, expect_same, prepare, selected

HOSTS = Fleet(
    tuple(
        Host(name, Endpoint(name), ("all", group), {"zone": zone, "group_names": [group], "x": 1})
        for name, group, zone in [("a1", "a", "z1"), ("a2", "a", "z2"), ("b1", "b", "z1")]
    )
)
PACKAGE = Package("app", "all", Origin("bundles"))
PLAN = Plan("p", "plan.yml", "digest", (), "all", (PACKAGE,))


def select(pattern: str) -> list[str]:
    return [h.name for h in HOSTS if pattern in {"all", h.name, *h.groups}]


def prepared(plan: Plan, within: frozenset[str] | None = None) -> Prepared:
    chosen = selected(plan, HOSTS, select, within)
    manifest = Manifest("d" * 64, "app", "1.0.0", 1, "2026-01-01T00:00:00Z", "l" * 64, ())
    works = {p.name: PackageWork(p, manifest, "", ("ops",)) for p in plan.packages}
    return prepare(plan, chosen, select, works)


def test_the_limit_reduces_the_fleet() -> None:
    assert prepared(PLAN, frozenset({"a2"})).spec.waves[0].hosts == ("a2",)
    with pytest.raises(UsageError, match="limit leaves no host"):
        prepared(PLAN, frozenset({"elsewhere"}))


def test_a_package_that_nobody_carries_is_a_mistake_of_the_plan() -> None:
    plan = replace(PLAN, hosts="b", packages=(replace(PACKAGE, on="a"),))
    with pytest.raises(PlanError, match=r"packages\.app\.on: no host of 'b' is in it"):
        prepared(plan)


@pytest.mark.parametrize(
    ("per", "zones"),
    [
        ("zone", {"a1": "z1", "a2": "z2", "b1": "z1"}),
        ("group_names", {"a1": "a", "a2": "a", "b1": "b"}),
        (None, {}),
    ],
)
def test_zones_are_the_values_of_a_variable(per: str | None, zones: dict[str, str]) -> None:
    budget = UnavailabilityBudget(Amount(1), per)
    plan = replace(PLAN, rollout=RolloutPolicy(max_unavailable=budget))
    assert prepared(plan).spec.zones == zones


def test_a_zone_that_hosts_do_not_name_is_a_mistake_of_the_plan() -> None:
    budget = UnavailabilityBudget(Amount(1), "rack")
    plan = replace(PLAN, rollout=RolloutPolicy(max_unavailable=budget))
    with pytest.raises(PlanError, match="3 hosts have no variable 'rack', such as a1"):
        _ = prepared(plan).spec


def test_variables_of_the_plan_win_over_those_of_the_host() -> None:
    host = prepared(replace(PLAN, variables=(("x", 2),))).assignment("a1").host
    assert (host.variables["x"], host.variables["zone"]) == (2, "z1")


def test_steps_come_in_the_order_of_the_graph() -> None:
    steps = (Step("late", "l", after=("early",)), Step("early", "e"))
    plan = replace(PLAN, packages=(replace(PACKAGE, steps=steps),))
    [work] = prepared(plan).assignment("a1").packages
    assert [step.name for step in work.package.steps] == ["early", "late"]


def test_a_resumed_run_proves_that_plan_and_bundles_are_the_same() -> None:
    targets = prepared(PLAN).targets
    expect_same(PLAN, "digest", targets, targets)
    other = (Target("app", "1.0.1", "1.0.1-eeeeeeeeeeee", "e" * 64),)
    with pytest.raises(PlanError) as caught:
        expect_same(PLAN, "another", targets, other)
    assert "the plan has changed since the run began" in str(caught.value)
    assert "put it back as it was" in str(caught.value)
    assert "the bundle of app is no longer 1.0.0-dddddddddddd" in str(caught.value)


LOCK = Use("fleet_lock", (("url", "https://locks.example.net"), ("wait", 7200.0)))


def test_hosts_that_may_reboot_pass_their_gate() -> None:
    locked = replace(PACKAGE, name="db", on="b", reboot=Reboot(lock=LOCK))
    spec = prepared(replace(PLAN, packages=(PACKAGE, locked))).spec
    assert (spec.reserves, spec.gated) == (True, ("b1",))
    never = replace(locked, reboot=Reboot(RebootWhen.NEVER, lock=LOCK))
    spec = prepared(replace(PLAN, packages=(PACKAGE, never))).spec
    assert (spec.reserves, spec.gated) == (False, ())


def test_the_lock_of_a_package_outlives_the_longest_bake_and_the_longest_wait_at_a_gate() -> None:
    locked = replace(PACKAGE, reboot=Reboot(lock=LOCK))
    assert prepared(PLAN).policy.lock_ttl == LOCK_MARGIN
    assert prepared(replace(PLAN, packages=(locked,))).policy.lock_ttl == 7200.0 + LOCK_MARGIN
