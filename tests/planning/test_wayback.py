"""What keeps a package from going back, and the plan by which it goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.model.bundle import ConfigEntry, FileEntry, Manifest
from orchestrator.model.keeping import Data, DriftPolicy, OnDrift
from orchestrator.model.plan import (
    Cohort,
    CommitScope,
    Edge,
    EdgeKind,
    OnHalt,
    Origin,
    Package,
    Plan,
    RolloutPolicy,
    Step,
)
from orchestrator.planning.wayback import Past, WayBack, hindrances, settled, way_back

ETC = FileEntry("etc/app.yml", 0o644, 1, "0" * 64)
HELD = Past(held=True)


def release(version: str, reads: int | None = None, **schemas: int) -> Manifest:
    """Return a release with schemas by path (``_`` for ``/``), which reads its data up to one."""
    config = tuple(ConfigEntry(path.replace("_", "/"), it) for path, it in schemas.items())
    return Manifest(
        digest="a" * 64,
        package="app",
        version=version,
        revision=1,
        created="",
        listing="",
        files=(ETC,),
        shared=("data",),
        config=config,
        reads=(("data/db", reads),) if reads else (),
    )


def package(*steps: Step, keep: bool = False, data: tuple[str, ...] = ()) -> Package:
    policy = DriftPolicy.KEEP if keep else DriftPolicy.FAIL
    origin, drift = Origin("bundles"), OnDrift(policy)
    return Package("app", "all", origin, steps=steps, on_drift=drift, data=Data(data))


def told(
    active: Manifest | None,
    target: Manifest,
    past: Past = HELD,
    *steps: Step,
    keep: bool = False,
    preserve: bool = False,
) -> list[str]:
    way = WayBack(preserve_data=preserve)
    return list(hindrances(package(*steps, keep=keep), active, target, past, way))


@pytest.mark.parametrize(
    ("active", "target", "why"),
    [
        (release("2.0.0", data_db=3), release("1.0.0", data_db=3), ""),
        (release("2.0.0", data_db=3), release("1.0.0", data_db=4), ""),
        (release("2.0.0", data_db=3), release("1.0.0", 3, data_db=2), ""),
        (release("2.0.0", data_db=3), release("1.0.0", data_db=2), "reads none beyond 2"),
        (release("2.0.0", data_db=4), release("1.0.0", 3, data_db=2), "reads none beyond 3"),
        (release("2.0.0", data=1), release("1.0.0"), "says of no schema that it reads it"),
        (release("2.0.0", elsewhere=1), release("1.0.0"), ""),
        (release("2.0.0", etc_app=1), release("1.0.0"), ""),
    ],
)
def test_schemas_of_what_outlives_releases(active: Manifest, target: Manifest, why: str) -> None:
    found = told(active, target)
    assert len(found) == bool(why)
    assert all(why in words for words in found)


def test_a_file_of_the_release_comes_back_with_it_unless_local_changes_stay() -> None:
    active = replace(release("2.0.0"), config=(ConfigEntry("etc/app.yml", 2),))
    target = release("1.0.0")
    assert told(active, target) == []
    assert "says of no schema" in told(active, target, keep=True)[0]


UP = Step("up", "x", down="y", migrates=("data/db",))
ONE_WAY = Step("one-way", "x")


def test_steps_need_a_way_down() -> None:
    old, new = release("1.0.0"), release("2.0.0")
    past = Past(held=True, since=("gone", "one-way", "up"), done=("up", "one-way", "gone"))
    found = told(new, old, past, UP, ONE_WAY)
    assert [words.partition(" was done")[0] for words in found] == ["step gone", "step one-way"]
    assert told(new, old, past, UP, ONE_WAY, preserve=True) == []


RESTORE = WayBack(restore_data=True)
BACKUP = Past(held=True, since=("one-way", "up"), done=("up", "one-way"), backup="17-1.0.0-a")
MOVES = Step("one-way", "x", migrates=("data/db", "data/db/more"))


@pytest.mark.parametrize(
    ("data", "steps", "past", "why"),
    [
        (("data/db",), (UP, MOVES), BACKUP, []),
        (("data",), (UP, MOVES), BACKUP, []),
        (("data/d",), (MOVES, UP), BACKUP, ["step one-way was"]),
        (("data/d",), (), Past(True, backup="b"), ["data/db has schema 2"]),
        (("data/db",), (UP, ONE_WAY), BACKUP, ["step one-way was"]),
        (("data/db",), (UP, MOVES), replace(BACKUP, backup=""), ["no backup of its data was made"]),
        ((), (UP, MOVES), BACKUP, ["step one-way was"]),
    ],
)
def test_what_comes_back_from_a_backup_needs_no_way_down(
    data: tuple[str, ...], steps: tuple[Step, ...], past: Past, why: list[str]
) -> None:
    low, high = release("1.0.0", data_db=1), release("2.0.0", data_db=2)
    found = list(hindrances(package(*steps, data=data), high, low, past, RESTORE))
    assert len(found) == len(why)
    assert all(words.startswith(it) for words, it in zip(found, why, strict=True)), found


def test_a_refusal_says_where_a_backup_would_do() -> None:
    low, high = release("1.0.0", data_db=1), release("2.0.0", data_db=2)
    past = Past(held=True, since=("one-way",), done=("one-way",))
    for data, offered in ((("data",), 2), ((), 0)):
        stuck = package(replace(MOVES, migrates=("data/x",)), data=data)
        found = list(hindrances(stuck, high, low, past, WayBack()))
        assert len(found) == 2
        assert sum("--restore-data" in words for words in found) == offered


def test_steps_that_a_backup_settles() -> None:
    them = package(UP, ONE_WAY, data=("data/db",))
    assert settled(them, RESTORE) == {"up"}
    assert settled(them, WayBack()) == frozenset()
    assert settled(package(UP), RESTORE) == frozenset()


def test_what_nobody_knows_is_refused() -> None:
    past = Past(since=None, done=("a", "b"))
    [words] = told(release("2.0.0"), release("1.0.0"), past)
    assert "nobody knows which of these steps 1.0.0 needs" in words
    assert "a, b" in words
    [words] = told(None, release("1.0.0"))
    assert "the manifest of what is active is not known here" in words


def test_the_way_down_of_a_step_brings_its_schema_back() -> None:
    old, new = release("1.0.0", data_db=2), release("2.0.0", data_db=3)
    past = Past(held=True, since=("up",), done=("up",))
    assert told(new, old, past, UP) == []
    assert told(new, old, HELD, UP) != []
    assert told(new, old, past, UP, preserve=True) != []


def test_neither_what_is_damaged_nor_what_is_newer() -> None:
    [words] = told(release("2.0.0"), release("1.0.0"), Past(held=True, proof="x is modified"))
    assert "damaged: x is modified" in words
    [words] = told(release("1.0.0"), release("2.0.0"))
    assert "1.0.0 is active, and 2.0.0 is no way back" in words


def test_the_plan_by_which_it_goes() -> None:
    edges = (Edge("db", "app", EdgeKind.PACKAGES), Edge("a", "b", EdgeKind.HOSTS))
    rollout = RolloutPolicy(cohorts=(Cohort("canary", bake=60.0), Cohort("rest")))
    data = Package("db", "all", Origin("x"), data=Data(("db",), timeout=100.0))
    plan = Plan("p", "plan.yml", "0", (), "all", (package(), data), edges, rollout)
    back = way_back(plan)
    assert [(edge.before, edge.after) for edge in back.edges] == [("app", "db"), ("b", "a")]
    assert back.rollout.cohorts == (Cohort("everyone"),)
    assert (back.rollout.on_halt, back.rollout.commit) == (OnHalt.HOLD, CommitScope.HOST)
    assert back.rollout.timeouts.stage == rollout.timeouts.stage + 600.0
    assert all(package.allow_downgrade for package in back.packages)
    assert back.digest == plan.digest
