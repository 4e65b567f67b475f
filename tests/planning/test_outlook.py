"""What could come: by itself, within the range, and at all."""

from __future__ import annotations

import pytest

from orchestrator.model.bundle import Urgency
from orchestrator.model.consent import Change, Consent, ReleasePolicy
from orchestrator.model.plan import Origin, Package
from orchestrator.planning.outlook import Candidate, outlook

OFFERED = ["1.9.0", "2.4.1", "2.4.5", "2.5.0", "3.0.0", "4.0.0-rc.1"]


def told(wanted: str | None, *installed: str, offered: list[str] | None = None) -> list[str]:
    package = Package("app", "all", Origin("x"), version=wanted)
    found = outlook(package, installed, [Candidate(it) for it in offered or OFFERED])
    return [it.version if it else "" for it in (found.auto, found.best, found.newest)]


@pytest.mark.parametrize(
    ("wanted", "installed", "versions"),
    [
        ("^2.4", ["2.4.1"], ["2.4.5", "2.5.0", "3.0.0"]),
        ("^2.4", ["2.4.1", "2.5.0"], ["", "2.5.0", "3.0.0"]),
        ("^2.4", ["2.5.0"], ["2.5.0", "2.5.0", "3.0.0"]),
        ("^2.4", [], ["2.5.0", "2.5.0", "3.0.0"]),
        ("^2.4", [""], ["2.5.0", "2.5.0", "3.0.0"]),
        ("^2.4", ["1.9.0"], ["", "2.5.0", "3.0.0"]),
        ("latest", ["3.0.0"], ["3.0.0", "3.0.0", "3.0.0"]),
        (None, ["2.5.0"], ["2.5.0", "3.0.0", "3.0.0"]),
        ("2.4.5", ["1.9.0"], ["2.4.5", "2.4.5", "3.0.0"]),
        ("^9", ["2.5.0"], ["", "", "3.0.0"]),
        ("^2.4", ["2.4.1", "unknown"], ["", "2.5.0", "3.0.0"]),
    ],
)
def test_what_could_come(wanted, installed, versions):
    assert told(wanted, *installed) == versions


def test_only_pre_releases():
    assert told("latest", offered=["1.0.0-rc.1", "1.0.0-rc.2"]) == ["", "", "1.0.0-rc.2"]


def test_what_is_critical_goes_further_by_itself():
    package = Package("app", "all", Origin("x"), version="^2", policy=ReleasePolicy())
    offered = [Candidate("2.4.5"), Candidate("2.5.0", Urgency.CRITICAL, "CVE")]
    found = outlook(package, ["2.4.1"], offered)
    assert found.auto
    assert found.auto.candidate == offered[1]
    assert found.prospects == (found.auto,)


def test_each_prospect_says_what_it_needs():
    package = Package("app", "all", Origin("x"), version="^2")
    found = outlook(package, ["2.4.1"], [Candidate(it) for it in OFFERED])
    assert [(it.version, it.change, it.consent) for it in found.prospects] == [
        ("2.4.5", Change.PATCH, Consent.AUTO),
        ("2.5.0", Change.MINOR, Consent.ASK),
        ("3.0.0", Change.MAJOR, None),
    ]
