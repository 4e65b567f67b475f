"""What comes back: into the journal once, as it went, and nothing that is not a host's."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import InputError
from orchestrator.media import Medium, stories, told
from tests.media.site import BAD, NEW, OLD, Alone, Done, Site

Lines = list[dict[str, Any]]


def results(medium: Path) -> Path:
    """Return the one file of results."""
    [path] = (medium / "results").glob("*.jsonl")
    return path


def run_of(done: Done) -> str:
    """Return the run that an import told of last."""
    return done.stdout.splitlines()[-1].rpartition("(run ")[2].partition(",")[0]


def test_its_history_comes_back(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("back", {"store-1": alone.folder})
    medium = site.medium(plan, tmp_path / "medium")
    alone.install(medium)
    done = site.fleet("media", "import", medium)
    assert "store-1  committed" in done.stdout
    run = run_of(done)
    status = site.status(run)
    assert status["state"] == "complete"
    assert run in site.fleet("history").stdout
    again = site.fleet("media", "import", results(medium))
    assert "nothing new" in again.stdout
    entries = alone.records()[-1][-1]["facts"]["history"]["app"]
    assert [it["op"] for it in entries if it["at"] == "end"] == [
        "stage",
        "activate",
        "confirm",
        "commit",
    ]
    assert {it["run"] for it in entries} == {run}


def test_its_run_is_not_driven_from_here(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("told", {"store-1": alone.folder})
    medium = site.medium(plan, tmp_path / "medium")
    alone.install(medium)
    run = run_of(site.fleet("media", "import", medium))
    for words in (["resume", run], ["abort", run], ["rollback", run], ["resume", "last"]):
        refused = site.fleet(*words, expect=5)
        assert "was driven by its host, from a medium" in refused.stderr
        assert "fleet media import RESULTS" in refused.stderr
    refused = site.fleet("rollback", "app", expect=5)
    assert "no run that was driven from here has moved 'app'" in refused.stderr
    alone.run(medium, "--back", "--yes", expect=2)
    site.fleet("media", "import", medium, expect=2)
    shown = site.fleet("status", run, expect=2).stdout
    assert "is not denied to others" in shown
    assert "rolled back is denied" not in shown


def test_one_that_went_back(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("went-back", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "bad", BAD)
    alone.install(medium, expect=2)
    done = site.fleet("media", "import", medium, expect=2)
    assert "store-1  reverted" in done.stdout
    assert "validation script of db" in site.fleet("status", run_of(done), expect=2).stdout


def test_a_run_goes_on_where_it_was_imported(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("goes-on", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "new", NEW)
    alone.cut(medium, "validate")
    alone.run(medium, "--save")
    first = site.fleet("media", "import", medium, expect=99)
    alone.install(medium)
    second = site.fleet("media", "import", medium)
    assert run_of(first) == run_of(second)
    alone.run(medium, "--back", "--yes", expect=2)
    third = site.fleet("media", "import", medium, expect=2)
    assert "reverted" in third.stdout
    assert site.status(run_of(third), expect=2)["state"] == "rolled back"


def test_the_newest_run_is_the_one_with_the_last_event(
    alone: Alone, site: Site, tmp_path: Path
) -> None:
    medium = site.medium(site.plan("newest", {"store-1": alone.folder}), tmp_path / "medium")
    alone.install(medium)
    assert "there already" in alone.install(medium).stdout
    alone.run(medium, "--back", "--yes", expect=2)
    done = site.fleet("media", "import", medium, expect=2)
    assert [line.split()[1].rstrip(":") for line in done.stdout.splitlines()] == [
        "skipped",
        "reverted",
    ]
    assert site.status("last", expect=2)["run"] == run_of(done)


def test_an_older_copy_tells_what_the_journal_has(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("copies", {"store-1": alone.folder}), tmp_path / "medium")
    alone.install(medium)
    site.fleet("media", "import", medium)
    older = tmp_path / "older.jsonl"
    older.write_text("".join(results(medium).read_text().splitlines(keepends=True)[:5]))
    done = site.fleet("media", "import", older)
    assert "store-1  committed" in done.stdout
    assert "nothing new" in done.stdout


def test_a_host_whose_clock_was_in_1970(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("early", {"store-1": alone.folder}), tmp_path / "medium")
    alone.install(medium)
    path = results(medium)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    first = lines[0]["at"]
    for line in lines:
        line["at"] -= first
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    run = run_of(site.fleet("media", "import", path))
    assert "1970" not in site.fleet("status", run).stdout


def test_results_of_a_medium_that_was_built_elsewhere(
    alone: Alone, site: Site, tmp_path: Path
) -> None:
    medium = site.medium(site.plan("elsewhere", {"store-1": alone.folder}), tmp_path / "medium")
    alone.install(medium)
    home = str(tmp_path / "other-home")
    refused = site.fleet("media", "import", medium, expect=5, FLEET_HOME=home)
    assert "was built here" in refused.stderr
    empty = site.fleet("media", "import", tmp_path, expect=6)
    assert "no results are here" in empty.stderr


def _without(key: str) -> Callable[[Lines], object]:
    return lambda lines: lines[2].pop(key)


def _set(line: int, **values: object) -> Callable[[Lines], object]:
    return lambda lines: lines[line].update(values)


HOSTILE: dict[str, Callable[[Lines], object]] = {
    "another host": _set(0, host="store-2"),
    "a path for a host": _set(0, host="../../etc"),
    "another run": _set(0, run="20260101-000000-aaaa"),
    "a nonce of another run": _set(0, nonce="0" * 32),
    "a key too many": _set(2, extra=1),
    "a key too few": _without("reason"),
    "an unknown result": _set(2, result="splendid"),
    "a time that is none": _set(1, at=-5),
    "a time in ten years": _set(-1, at=int(time.time()) + 10 * 365 * 86_400),
    "a time that no calendar has": _set(0, at=(1 << 40) - 1),
    "a time with a fraction": _set(0, at=1.5),
    "a long text": _set(2, output="x" * 30_000),
    "deep facts": _set(2, facts={"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}),
    "facts that no host has": _set(2, facts={"verdict": "fine"}),
    "packages that are none": _set(2, facts={"packages": {"app": 3}}),
    "a package without a past": _set(2, facts={"packages": {"app": {"to": "1.0.0"}}}),
    "an unknown kind": _set(3, kind="run_started"),
    "an order that nobody gave": lambda lines: lines.insert(3, dict(lines[-1])),
    "an outcome of nothing": lambda lines: lines.pop(1),
    "no beginning": lambda lines: lines.pop(0),
    "another request": lambda lines: lines.append(
        {"kind": "operator_asked", "at": 1, "request": "abort", "by": "x"}
    ),
}


def read(site: Site, path: Path) -> None:
    """Read results as an import does."""
    for story in stories(path, time.time()):
        told(Medium.find(site.folder / "home/media", story.medium), story)


@pytest.fixture(scope="module")
def good(site: Site, platforms: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return honest results."""
    folder = tmp_path_factory.mktemp("good")
    alone = Alone(folder / "store-1", platforms["dash"])
    medium = site.medium(site.plan("good", {"store-1": alone.folder}), folder / "medium")
    alone.install(medium)
    return results(medium)


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_host_would_tell(what: str, good: Path, site: Site, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in good.read_text().splitlines()]
    read(site, good)
    HOSTILE[what](lines)
    path = tmp_path / "results.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.raises(InputError, match=re.escape(str(path))):
        read(site, path)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 100,
        b"\xff\xfe{}",
        b"[" * 5000,
        b'{"kind":"started","kind":"started"}\n',
        b'{"kind":NaN}\n',
        b'{"kind":1e999}\n',
        b'{"kind":"\\ud800"}\n',
        b"{}\n" * 3000,
        b"{" + b"x" * (5 << 20),
    ],
)
def test_what_is_no_file_of_results(raw: bytes, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(raw)
    with pytest.raises(InputError, match="not the results of a host"):
        read(site, path)


@pytest.mark.parametrize("harm", ["name", "result", "facts", "request"])
def test_no_terminal_acts_on_an_error(harm: str, good: Path, site: Site, tmp_path: Path) -> None:
    evil = "a\n\x1b[2Jb\u202e"
    lines = [json.loads(line) for line in good.read_text().splitlines()]
    harms: dict[str, Callable[[Lines], object]] = {
        "name": _set(0, nonce="none"),
        "result": _set(2, result=evil),
        "facts": _set(2, facts={evil: 1}),
        "request": _set(2, kind=evil),
    }
    harms[harm](lines)
    path = tmp_path / (f"{evil}.jsonl" if harm == "name" else "results.jsonl")
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    refused = site.fleet("media", "import", path, expect=6).stderr
    assert not set("\x1b\u202e") & set(refused)
    assert len(refused.splitlines()) == 1


def test_a_story_that_was_changed_after_it_was_imported(
    alone: Alone, site: Site, tmp_path: Path
) -> None:
    medium = site.medium(site.plan("changed", {"store-1": alone.folder}), tmp_path / "medium", OLD)
    alone.install(medium)
    site.fleet("media", "import", medium)
    path = results(medium)
    path.write_text(path.read_text().replace('"confirmed":"locally"', '"confirmed":"by me"'))
    refused = site.fleet("media", "import", medium, expect=6)
    assert "does not go on from what the journal has" in refused.stderr
