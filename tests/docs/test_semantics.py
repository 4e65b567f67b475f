"""``docs/semantics.md`` is true: its tables and examples are run against the code that decides."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.compose import KINDS
from orchestrator.errors import ExitCode, PlanError
from orchestrator.model.counting import share_of
from orchestrator.model.event import Action, ActionBegun, Result, TimePassed
from orchestrator.model.plan import UnavailabilityBudget
from orchestrator.model.wave import RolloutSpec, Wave
from orchestrator.planfile import load as load_plan
from orchestrator.rollout.budgets import exceeded, unavailable_at_once
from orchestrator.rollout.records import Perform
from orchestrator.rollout.states import IN_FLIGHT, OUT_OF_SERVICE, HostState, WaveState
from orchestrator.rollout.tables import OUTCOMES
from tests.docs.planned import planned
from tests.docs.stories import amount, outcome, spec, told, until
from tests.docs.tables import Page, Row
from tests.rollout.harness import World, good

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = Page((DOCS / "semantics.md").read_text("utf-8"))
YES = {True: "yes", False: "no"}


def stories() -> list[Row]:
    rows = [row for table in PAGE.tables() for row in table if "what happens" in row]
    assert len(rows) > 20
    return rows


# -- words and states -------------------------------------------------------------------------


def test_every_state_of_a_host_is_told():
    rows = PAGE.rows("host state", "meaning", "takes a place", "out of service")
    told_of = {
        row["host state"]: (row["takes a place"], row["out of service"], bool(row["meaning"]))
        for row in rows
    }
    assert told_of == {
        str(state): (YES[state in IN_FLIGHT], YES[state in OUT_OF_SERVICE], True)
        for state in HostState
    }


def test_every_state_of_a_wave_is_told():
    rows = PAGE.rows("wave state", "meaning")
    assert {row["wave state"] for row in rows} == set(map(str, WaveState))


def test_what_a_host_in_doubt_says():
    for row in PAGE.rows("the host says", "it becomes", "and then"):
        found = OUTCOMES[HostState.IN_DOUBT, Action.RESOLVE][Result(row["the host says"])]
        assert str(found) == row["it becomes"], row


def test_a_host_goes_through_the_actions_in_their_order():
    world = World(spec({}, resample=0))
    world.settle()
    begun = [it.action for it in world.events if isinstance(it, ActionBegun) and it.host == "a1"]
    rows = PAGE.rows("action", "what it does or proves")
    assert [str(action) for action in begun] == [row["action"] for row in rows]


def test_the_exit_codes():
    rows = PAGE.rows("exit", "name", "when")
    assert {int(row["exit"]): row["name"] for row in rows} == {it.value: it.name for it in ExitCode}


# -- counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", PAGE.rows("share", "of hosts", "takes"))
def test_a_share(row):
    assert share_of(amount(row["share"]), int(row["of hosts"])) == int(row["takes"])


@pytest.mark.parametrize("row", PAGE.rows("max_unavailable", "of hosts", "at once"))
def test_an_unavailability_budget(row):
    budget = amount(row["max_unavailable"])
    assert unavailable_at_once(budget, int(row["of hosts"])) == int(row["at once"])


@pytest.mark.parametrize(
    "row",
    PAGE.rows("max_failures", "min_sample", "hosts of the wave", "finished", "failed", "halts"),
)
def test_a_failure_budget(row):
    halts = exceeded(
        amount(row["max_failures"]),
        int(row["min_sample"]),
        bad=int(row["failed"]),
        finished=int(row["finished"]),
        size=int(row["hosts of the wave"]),
    )
    assert YES[halts] == row["halts"]


def test_zones_have_budgets_of_their_own():
    rows = PAGE.rows("zone", "hosts", "out of service already", "activated at once")
    zones = {f"{row['zone']}-{n}": row["zone"] for row in rows for n in range(int(row["hosts"]))}
    out = {f"{row['zone']}-{n}" for row in rows for n in range(int(row["out of service already"]))}
    budget = UnavailabilityBudget(amount("50%"), "zone")
    world = _world_of_zones(zones, out, budget)
    at_once = Counter(
        zones[name] for name, state in world.states().items() if state is HostState.ACTIVATING
    )
    assert {row["zone"]: str(at_once[row["zone"]]) for row in rows} == {
        row["zone"]: row["activated at once"] for row in rows
    }


def _world_of_zones(zones: dict[str, str], out: set[str], budget: UnavailabilityBudget) -> World:
    """Return a world in which hosts of ``out`` are unreachable, and all others may be activated."""

    def answer(asked: Perform) -> Result:
        return Result.UNREACHABLE if asked.host in out else good(asked)

    # those that cannot be reached come first: the others find them out of service
    names = sorted(zones, key=lambda name: (name not in out, name))
    lenient: dict[str, Any] = {"max_unreachable": spec({"max_unreachable": "99"}).max_unreachable}
    wave = Wave("all", "all", tuple(names))
    world = World(RolloutSpec((wave,), max_unavailable=budget, zones=zones, **lenient), answer)
    early = {Action.CHECK, Action.STAGE}
    while begun := [it for it in world.todo if it.action in early]:
        world.do(begun[0])
    return world


# -- waves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", PAGE.documents(), ids=lambda it: str(it["waves"][0]))
def test_waves(example, tmp_path):
    assert waves_of(example, tmp_path) == example["waves"]


def waves_of(example: dict[str, Any], folder: Path) -> list[dict[str, str]]:
    """Write an example's inventory and plan, load them, and return the waves."""
    groups = {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in example["groups"].items()}
    (folder / "hosts.yml").write_text(yaml.safe_dump(groups, sort_keys=False))
    packages = {name: {"on": on, "bundle": "."} for name, on in example["packages"].items()}
    document = {
        "plan": "demo",
        "fleet": {"inventory": "hosts.yml"},
        "packages": packages,
        "order": example.get("order", []),
        "rollout": {"cohorts": example["cohorts"]},
    }
    (folder / "plan.yml").write_text(yaml.safe_dump(document, sort_keys=False))
    return [{wave.name: " ".join(wave.hosts)} for wave in planned(folder / "plan.yml")]


# -- runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", stories(), ids=lambda row: row["what happens"])
def test_a_story(row):
    world = told(row)
    assert {**row, **outcome(world, row)} == row


def test_proofs_after_the_confirmation():
    after, before = (
        "proved again after the first wave's bake",
        "proved again before the second wave",
    )
    for row in PAGE.rows("bake", "resample", after, before):
        world = World(spec({}, bake=float(row["bake"]), resample=int(row["resample"])))
        seen: Counter[str] = Counter()
        while world.states()["b1"] is HostState.PENDING:
            if not world.todo:
                world.now = world.wakes.pop(0)
                world.feed(TimePassed(world.now))
                continue
            first = world.rollout.waves[0].state
            if world.todo[0].action is Action.SAMPLE:
                seen[after if first is WaveState.BAKING else before] += 1
            world.do(world.todo[0])
        assert {column: str(seen[column]) for column in (after, before)} == {
            column: row[column] for column in (after, before)
        }, row


@pytest.mark.parametrize("row", PAGE.rows("commit", "a1", "b2"))
def test_commit_scopes(row):
    world = World(spec(row))
    until(world, "b1", HostState.ACTIVATING)
    while ours := [it for it in world.todo if it.host == "b2"]:
        world.do(ours[0])
    assert outcome(world, row) == {"a1": row["a1"], "b2": row["b2"]}


@pytest.mark.parametrize("text", ["windows: []", "packages: {p: {on_drift: keep}}"])
def test_words_that_come_later(text, tmp_path):
    (tmp_path / "plan.yml").write_text(f"plan: p\n{text}\n")
    with pytest.raises(PlanError, match=r"later"):
        load_plan(tmp_path / "plan.yml", KINDS)
