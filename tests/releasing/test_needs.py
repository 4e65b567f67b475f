"""What hosts miss is found before anything is sent, all at once."""

from __future__ import annotations

import json

import pytest

from tests.releasing.site import Corner

pytestmark = pytest.mark.ssh


def problems(corner: Corner, *words: str) -> list[str]:
    """Return what apply complains of, without the plan's name."""
    refused = corner.apply(*words, expect=6)
    places = (line.partition("packages.")[2] for line in refused.err.splitlines())
    return [place for place in places if place]


def test_everything_that_is_unmet_is_told_at_once(corner: Corner) -> None:
    corner.bundles("app", "1.9.0", "2.0.3")
    corner.bundle(
        "app",
        "3.0.0",
        floors=["2.0.x"],
        requires={"memory": "512TiB", "tags": ["gpu"], "packages": {"db": "^15"}},
    )
    corner.give("app", "2.0.3", "h001", "h002")
    corner.give("app", "1.9.0", "h003")
    tagged = corner.folder / "tags.yml"
    tagged.write_text(json.dumps({"all": {"hosts": {"h002": {"fleet_tags": ["gpu", "x"]}}}}))
    sources = [str(corner.lab.paths.inventory), str(tagged)]
    corner.write_plan({"app": {"version": "3.0.0"}}, fleet={"inventory": sources})
    memory, tags, others, floor = sorted(problems(corner), key=_subject)
    assert memory.startswith("app: h001-h003 (3 hosts): requires 512TiB of memory, the host has ")
    assert others == "app: h001-h003 (3 hosts): requires db ^15, the host has no db"
    assert tags.startswith("app: h001, h003 (2 hosts): requires the tags gpu, the host lacks gpu")
    assert floor == (
        "app: h003: 1.9.0 is active, and 3.0.0 must be reached by way of 2.0.x; "
        "apply version 2.0.x first"
    )
    assert corner.versions() == ["2.0.3", "2.0.3", "1.9.0"]
    assert corner.runs() == 2  # none was begun
    assert corner.apply("--check", expect=6).err
    kept = [host.root / corner.name / "app" / "releases" for host in corner.lab.hosts]
    assert not any(name.name.startswith("3.") for folder in kept for name in folder.iterdir())


def _subject(problem: str) -> int:
    subjects = ("memory", "tags", "db ^15", "by way of")
    return next(at for at, words in enumerate(subjects) if words in problem.split(";")[0])


def test_a_floor_is_passed_through(corner: Corner) -> None:
    corner.bundles("app", "1.9.0", "2.0.3")
    corner.bundle("app", "3.0.0", floors=["2.0.x"])
    for version in ("1.9.0", "2.0.3", "3.0.0"):
        corner.give("app", version)
    assert corner.versions() == ["3.0.0"] * 3


def test_requires_across_packages(corner: Corner) -> None:
    corner.bundle("app", "2.0.0", requires={"packages": {"db": "^2", "sql": ">=15"}})
    corner.bundle("db", "1.0.0")
    corner.bundle("db", "2.0.0", provides={"sql": "15.1.0"})
    both = {"app": {"version": "2.0.0"}, "db": {"version": "1.0.0"}}
    corner.write_plan(both)
    assert problems(corner) == [
        "app: h001-h003 (3 hosts): requires db ^2, the host would have db 1.0.0",
        "app: h001-h003 (3 hosts): requires sql >=15, the host has no sql",
    ]
    both["db"]["version"] = "2.0.0"
    corner.write_plan(both)
    late = problems(corner)
    assert [it.partition("requires ")[2].split()[0] for it in late] == ["db", "sql"]
    assert all(it.endswith("add to the plan's order: db before app") for it in late)
    corner.write_plan(both, order=["db before app"])
    corner.apply()
    assert corner.versions() == ["2.0.0"] * 3


def test_a_package_of_another_plan_counts(corner: Corner) -> None:
    corner.bundle("app", "2.0.0", requires={"packages": {"db": "^2"}})
    corner.bundle("db", "2.1.0")
    corner.give("db", "2.1.0", "h001", "h002")
    corner.write_plan({"app": {"version": "2.0.0"}})
    assert problems(corner) == ["app: h003: requires db ^2, the host has no db"]
    corner.apply("--limit", "h001:h002")
    assert corner.versions() == ["2.0.0", "2.0.0", ""]


def test_hosts_that_cannot_be_looked_at_are_left_to_the_run(corner: Corner) -> None:
    corner.bundle("app", "3.0.0", floors=["2.0.x"])
    corner.write_plan({"app": {"version": "3.0.0"}})
    corner.lab.cut("h003")
    try:
        told = corner.apply(expect=2)
    finally:
        corner.lab.restore("h003")
    assert "warning: could not be looked at: h003; the run will judge" in told.err
    assert "unreachable, more than max_unreachable" in told.out
