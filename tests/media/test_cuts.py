"""Power cuts and dead programs: wholly old or wholly new, and running it again converges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.program.driver import until
from tests.host.program.test_kill_points import POINTS
from tests.media.site import NEW, OLD, Alone, Site, on

LINES = ("check", "stage", "activate", "validate", "confirm", "commit")
KILLED = (
    "claimed",
    "granted",
    "received",
    "sealed",
    "armed",
    "guarded",
    "link_made",
    "flipped",
    "activated",
    "concluded",
    "committed",
    "settled",
)
"""A sample of the host program's points, from the first to the last operation."""


def wholly(alone: Alone) -> None:
    """Assert that every package has one of the two releases, whole."""
    assert set(alone.active().values()) <= {OLD, NEW}


@pytest.mark.parametrize("line", LINES)
def test_a_power_cut_while_it_is_at(line: str, alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan(f"cut-{line}", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "new", NEW)
    alone.cut(medium, line)
    wholly(alone)
    alone.install(medium)
    assert alone.active() == on(NEW)
    assert alone.run(medium, "--verify").stdout.count("is what was signed") == 2
    site.fleet("media", "import", medium)


@pytest.mark.parametrize("point", KILLED)
def test_the_host_program_is_killed_at(
    point: str, alone: Alone, site: Site, tmp_path: Path
) -> None:
    assert point in POINTS
    plan = site.plan(f"killed-{point}", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "new", NEW)
    done = alone.install(medium, expect=2, FLEET_KILL_POINT=point)
    assert "the host program has ended" in done.stderr
    wholly(alone)
    again = alone.install(medium, expect=None)
    if again.returncode:  # an operation that was ended has failed, and its run goes back
        assert "went back" in again.stdout
        assert alone.active() == on(OLD)
        alone.install(medium)
    assert alone.active() == on(NEW)
    site.fleet("media", "import", medium)


def test_an_unconfirmed_trial_goes_back_and_is_begun_anew(
    any_alone: Alone, site: Site, tmp_path: Path
) -> None:
    alone = any_alone
    wait = 'touch "$FLEET_ROOT/asked"; while [ ! -e "$FLEET_ROOT/go" ]; do sleep 0.1; done'
    plan = site.plan(
        "deadline",
        {"store-1": alone.folder},
        trial={"deadline": "6s"},
        validations=[{"command": {"run": wait, "timeout": "3s"}}],
    )
    go = alone.folder / "root/go"
    go.parent.mkdir(parents=True)
    go.touch()
    alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "new", NEW)
    for mark in (go, go.with_name("asked")):
        mark.unlink()
    with alone.started(medium) as told:
        assert any(line == "validate\n" for line in told)
        until(go.with_name("asked").exists)
    go.touch()
    until(lambda: alone.active() == on(OLD))
    done = alone.install(medium)
    assert "it has gone back by itself; beginning anew" in done.stdout
    assert alone.active() == on(NEW)
    imported = site.fleet("media", "import", medium)
    assert "store-1  reverted" in imported.stdout
    assert "store-1  committed" in imported.stdout


def test_a_run_that_was_over_when_the_power_went(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("over", {"store-1": alone.folder}), tmp_path / "medium")
    alone.install(medium)
    records = alone.folder / "state/.media"
    (records / "installed").rename(records / "current")
    done = alone.install(medium)
    assert "going on with run" in done.stdout
    assert "done: the release is active" in done.stdout
    assert (records / "installed").exists()
    assert not (records / "current").exists()


@pytest.mark.parametrize("point", ["old_proved", "flipped_back", "concluded"])
def test_it_is_killed_on_the_way_back(point: str, alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan(f"back-{point}", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "new", NEW)
    alone.install(medium)
    back = ("--back", "--yes")
    alone.run(medium, *back, expect=2, FLEET_KILL_POINT=point)
    wholly(alone)
    done = alone.run(medium, *back, expect=2)
    assert "went back to what it had before" in done.stdout
    assert alone.active() == on(OLD)
    assert "store-1  reverted" in site.fleet("media", "import", medium, expect=2).stdout
    alone.install(medium)
    assert alone.active() == on(NEW)
    site.fleet("media", "import", medium)


def test_a_line_that_a_power_cut_tore(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("torn", {"store-1": alone.folder}), tmp_path / "medium")
    alone.cut(medium, "activate")
    [record] = (alone.folder / "state/.media").glob("*.jsonl")
    with record.open("a") as file:
        file.write('{"kind":"action_en')
    alone.install(medium)
    assert alone.active() == on(OLD)
    site.fleet("media", "import", medium)
