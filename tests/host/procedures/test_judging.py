from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.host.procedures.judging import (
    MEND,
    has_drifted,
    intention,
    is_there,
    missing_files,
    objections,
)
from orchestrator.host.replies import Probe, Seen
from orchestrator.planning.policy import Given
from tests.host.scripted import (
    CURRENT,
    EMPTY,
    FACTS,
    NEW,
    OLD,
    OUTDATED,
    FakeDepot,
    locked,
    manifest,
    on_trial,
    work,
)

NEWER = manifest("2.5.0-rc.1")
AHEAD = Probe(active=NEWER.release, releases=(NEWER.release,))
DRIFTED = replace(CURRENT, proved=False, proof="README differs")


def test_is_there() -> None:
    assert is_there(CURRENT)
    assert not is_there(replace(on_trial(), proved=True))
    assert not is_there(DRIFTED)


def test_has_drifted() -> None:
    assert has_drifted(work(), DRIFTED)
    assert not has_drifted(work(), CURRENT)
    assert not has_drifted(work(), OUTDATED)


def complaint(probe: Probe = OUTDATED, facts=None, **options) -> str:
    found = objections(work(**options), probe, {**FACTS.fields, **(facts or {})}, "run-1")
    return "; ".join(found)


@pytest.mark.parametrize(
    "probe", [EMPTY, OUTDATED, locked("run-1"), locked("run-0", 0), on_trial(OLD.release)]
)
def test_nothing_to_object(probe: Probe) -> None:
    assert complaint(probe) == ""


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (
            locked("run-0"),
            "gateway: locked by eve@box (run run-0, 60 s more); let that run finish, or abort it",
        ),
        (
            locked("run-0", -5, trial=True),
            "gateway: locked by eve@box (run run-0); let that run finish, or abort it",
        ),
        (
            replace(on_trial(OLD.release, run="run-0", nonce="x")),
            f"gateway: run run-0 has {NEW.release} on trial, 90 s more; wait for it",
        ),
        (
            AHEAD,
            (
                "gateway: 2.5.0-rc.1 is active, 2.4.0 is lower; "
                "set allow_downgrade: true if that is meant"
            ),
        ),
        (
            DRIFTED,
            (
                f"gateway: {NEW.release} is active but differs from what was signed: "
                f"README differs; {MEND}"
            ),
        ),
    ],
)
def test_objections_from_the_probe(probe: Probe, words: str) -> None:
    assert complaint(probe) == words


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Seen("2.4.0", "2026-01-01T00:00:00Z"), ""),
        (Seen("2.4.0-rc.1", ""), ""),
        (Seen("2.10.0", ""), "gateway: 2.10.0 was confirmed on this host, 2.4.0 is lower; set"),
        (
            Seen("2.4.0", "2026-01-01T00:00:01Z"),
            (
                "gateway: a bundle of 2026-01-01T00:00:01Z was confirmed on this host, "
                "this one is of 2026-01-01T00:00:00Z; set allow_downgrade: true"
            ),
        ),
    ],
)
def test_what_was_confirmed_is_not_gone_below(seen: Seen, words: str) -> None:
    probe = replace(OUTDATED, seen=seen)
    assert complaint(probe).startswith(words)
    assert bool(complaint(probe)) is bool(words)
    assert complaint(probe, allow_downgrade=True) == ""


def test_what_is_active_is_mended_though_something_newer_was_confirmed() -> None:
    rolled_back = replace(DRIFTED, seen=Seen("9.0.0", "2099-01-01T00:00:00Z"))
    assert "was confirmed" not in complaint(rolled_back)


def test_a_downgrade_may_be_meant() -> None:
    assert complaint(AHEAD, allow_downgrade=True) == ""


def test_missing_tools() -> None:
    words = complaint(facts={"missing": ["tar", "gzip"]})
    assert words == "gateway: the host lacks tar, gzip; install what provides it"


AUTO, YES = Given(), Given(yes=True)


@pytest.mark.parametrize(
    ("version", "agreed", "words"),
    [
        ("2.4.0", None, ""),
        ("2.3.1", AUTO, ""),
        ("2.4.0", AUTO, "2.3.0 -> 2.4.0 is a minor change"),
        ("2.4.0", YES, ""),
        ("3.0.0", YES, "2.3.0 -> 3.0.0 is a major change"),
        ("3.0.0", Given(approved={"gateway": "3.0.0"}), ""),
    ],
)
def test_a_change_that_no_one_agreed_to(version: str, agreed: Given | None, words: str) -> None:
    ready = replace(work(made=manifest(version)), agreed=agreed)
    way = f"apply again with --approve gateway={version}"
    told = [f"gateway: {words}, and no one agreed to it; to agree, {way}"] if words else []
    assert list(objections(ready, OUTDATED, FACTS.fields, "run-1")) == told
    assert objections(ready, EMPTY, FACTS.fields, "run-1") == ()


def test_all_objections_at_once_worst_first() -> None:
    found = objections(work(), replace(AHEAD, lock=locked("run-0").lock), {"missing": ["tar"]}, "r")
    assert [words.split()[1] for words in found] == ["locked", "the", "2.5.0-rc.1"]


@pytest.mark.parametrize(
    ("releases", "paths"),
    [
        ((), ["bin/run", "README"]),
        ((OLD.release,), ["README"]),
        ((OLD.release, NEW.release), []),
        (("1.0.0-000000000000",), ["bin/run", "README"]),
    ],
)
def test_missing_files(releases: tuple[str, ...], paths: list[str]) -> None:
    probe = Probe(active=OLD.release, releases=releases)
    assert [e.path for e in missing_files(NEW, probe, FakeDepot())] == paths


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (CURRENT, {"from": NEW.release, "bytes": 0, "why": "there, and proved"}),
        (EMPTY, {"from": "", "bytes": 5100, "files": 2, "why": "nothing is installed"}),
        (
            OUTDATED,
            {
                "from": OLD.release,
                "bytes": 5000,
                "files": 1,
                "why": f"{OLD.release} is active",
            },
        ),
    ],
)
def test_intention(probe: Probe, expected: dict[str, object]) -> None:
    assert intention(work(), probe, FakeDepot()) == {"to": NEW.release, **expected}
