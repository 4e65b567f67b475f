"""Nothing older than what was confirmed, and nothing that has expired."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from itertools import pairwise

import pytest

from orchestrator.host.source import program_text
from tests.host.program.builder import Release
from tests.host.program.driver import Place

OLD = Release({"a": b"1"}, version="1.9.0", created="2026-01-01T00:00:00Z")
NEW = Release({"a": b"2"}, version="1.10.0", created="2026-02-01T00:00:00Z")
EARLY = replace(NEW, version="2.0.0", created="2026-01-31T23:59:59Z")

# Clause 11 of semver.org, and numbers that no awk can count.
ORDERED = (
    *("0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"),
    *("1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0", "1.10.1-0", "1.10.1-9-x"),
    *("1.10.1", "9007199254740993.0.0", "9007199254740994.0.0"),
)


def test_versions_compare_as_semver_says(platforms: dict[str, str]) -> None:
    text = program_text()
    start = text.index("lower() {")
    function = text[start : text.index("describe_seen() {")]
    pairs = [(a, b, 0) for a, b in pairwise(ORDERED)]
    pairs += [(b, a, 1) for a, b, _ in pairs]
    pairs += [
        ("1.0.0+b", "1.0.0+a", 1),
        ("1.0.0+a", "1.0.1", 0),
        ("", "1.0.0", 1),
        ("1.0.0", "", 1),
    ]
    asked = "".join(f'lower "{a}" "{b}"; echo $?\n' for a, b, _ in pairs)
    for path in platforms.values():
        done = subprocess.run(
            ["sh", "-c", function + asked], env={"PATH": path}, capture_output=True, check=True
        )
        assert done.stdout.decode().split() == [str(code) for _, _, code in pairs]


def test_an_older_release_is_refused_and_allowed_by_name(place: Place) -> None:
    with place.session() as session:
        place.install(session, NEW)
        assert place.probe(session, NEW).seen == {
            "version": "1.10.0",
            "created": "2026-02-01T00:00:00Z",
        }
        answer = place.stage(session, OLD)
        assert answer.status == "no"
        assert "1.10.0 was confirmed on this host, and 1.9.0 is lower" in answer.reason
        answer = place.stage(session, EARLY)
        assert (
            "2026-02-01T00:00:00Z was confirmed on this host, and this one is of" in answer.reason
        )
        assert place.stage(session, OLD, allow_downgrade=1).status == "ok"
        assert place.activate(session, OLD).status == "no"
        assert place.activate(session, OLD, allow_downgrade=1).status == "ok"
        assert place.confirm(session, OLD).status == "ok"
        assert place.commit(session, OLD).status == "ok"
        assert place.probe(session, OLD).seen["version"] == "1.9.0"
        entries = session.ask("history", **place.where(), lines=50).entries
        told = [entry for entry in entries if entry["at"] == "downgrade"]
        assert {(entry["op"], entry["owner"]) for entry in told} == {
            ("stage", "somebody"),
            ("activate", "somebody"),
        }
        assert told[0]["below"] == "1.10.0 of 2026-02-01T00:00:00Z"


def test_what_was_only_on_trial_was_not_seen(dash: Place) -> None:
    with dash.session() as session:
        dash.install(session, OLD)
        assert dash.stage(session, NEW).status == "ok"
        assert dash.activate(session, NEW).status == "ok"
        assert dash.revert(session).status == "ok"
        assert dash.probe(session, OLD).seen["version"] == "1.9.0"


def test_a_commit_makes_up_for_a_mark_that_was_lost(dash: Place) -> None:
    with dash.session() as session:
        assert dash.stage(session, OLD).status == "ok"
        assert dash.activate(session, OLD).status == "ok"
        assert dash.confirm(session, OLD).status == "ok"
        (dash.records / "seen").unlink()
        assert dash.commit(session, OLD).status == "ok"
        assert dash.probe(session, OLD).seen["version"] == "1.9.0"


def test_what_is_active_is_mended_though_something_newer_was_confirmed(dash: Place) -> None:
    with dash.session() as session:
        dash.install(session, OLD)
        assert dash.stage(session, NEW).status == "ok"
        assert dash.activate(session, NEW).status == "ok"
        assert dash.confirm(session, NEW).status == "ok"
        assert dash.revert(session, release_lock=1).status == "ok"
        assert dash.probe(session, OLD).seen["version"] == "1.10.0"
        (dash.release(OLD) / "a").write_bytes(b"changed")
        assert dash.repair(session, OLD, ["a"]).status == "ok"
        assert (dash.release(OLD) / "a").read_bytes() == b"1"


def test_a_version_in_a_name_proves_nothing(dash: Place) -> None:
    with dash.session() as session:
        dash.install(session, NEW)
        named = {"release": f"9.0.0-{OLD.digest[:12]}", "manifest": OLD.digest}
        data = OLD.payload()
        answer = dash.do(session, "stage", data, bytes=len(data), **named)
        assert "1.9.0 is lower" in answer.reason


@pytest.mark.parametrize(
    ("created", "expires", "status"),
    [
        ("2019-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "no"),
        ("2019-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "ok"),
    ],
)
def test_an_expired_bundle_is_refused(dash: Place, created: str, expires: str, status: str) -> None:
    release = replace(NEW, created=created, expires=expires)
    with dash.session() as session:
        answer = dash.stage(session, release)
        assert answer.status == status
        assert status == "ok" or f"was refused: it expired at {expires}" in answer.reason
        assert "may have expired" not in answer.fields.get("signature", "")


def test_a_clock_that_is_behind_is_said(dash: Place) -> None:
    release = replace(NEW, created="2098-01-01T00:00:00Z", expires="2099-01-01T00:00:00Z")
    with dash.session() as session:
        answer = dash.stage(session, release)
        assert "the host's clock is before the bundle's date" in answer.signature


@pytest.mark.parametrize("record", ["seen", "last", "lock", "trial"])
def test_a_record_that_is_none_is_named_and_not_run(place: Place, record: str) -> None:
    damaged = place.records / record
    with place.session() as session:
        place.install(session, OLD)
        damaged.write_text("touch run; exit 0\n")
        answer = place.probe(session, OLD)
        assert (answer.status, answer.reason) == (
            "failed",
            f"{damaged} is damaged: look at it, and remove it",
        )
        damaged.unlink()
        assert place.probe(session, OLD).status == "ok"
    assert not list(place.state.rglob("run"))
