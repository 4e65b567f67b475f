"""Release policy: classes of changes, and what each needs."""

from __future__ import annotations

import pytest

from orchestrator.model.bundle import Urgency
from orchestrator.model.consent import Change, Consent, ReleasePolicy
from orchestrator.planning.outlook import Candidate
from orchestrator.planning.policy import Given, change, demand, needed

CHANGES = [
    ("2.4.1", "2.4.2", "patch"),
    ("2.4.1", "2.5.0", "minor"),
    ("2.4.1", "3.0.0", "major"),
    ("3.0.0", "2.4.1", "major"),
    ("2.5.0", "2.4.9", "minor"),
    ("2.4.1", "2.4.1", "patch"),
    ("2.4.1-rc.1", "2.4.1", "patch"),
    ("2.4.1+a", "2.4.1+b", "patch"),
    ("0.4.1", "0.5.0", "major"),
    ("0.4.1", "0.4.2", "patch"),
    ("0.0.1", "0.0.2", "major"),
    ("0.9.0", "1.0.0", "major"),
    ("0.0.0", "0.0.0", "patch"),
    ("nonsense", "1.0.0", "major"),
]


@pytest.mark.parametrize(("before", "after", "size"), CHANGES)
def test_the_class_of_a_change(before, after, size):
    assert change(before, after) is Change(size)


@pytest.mark.parametrize(
    ("size", "urgency", "consent"),
    [
        ("none", "normal", "auto"),
        ("patch", "normal", "auto"),
        ("minor", "normal", "ask"),
        ("major", "normal", "approve"),
        ("minor", "low", "ask"),
        ("minor", "critical", "auto"),
        ("major", "critical", "approve"),
    ],
)
def test_the_defaults(size, urgency, consent):
    assert needed(ReleasePolicy(), Change(size), Urgency(urgency)) is Consent(consent)


@pytest.mark.parametrize(
    ("critical", "patch", "major"),
    [
        ("none", "approve", "approve"),
        ("patch", "auto", "approve"),
        ("major", "auto", "auto"),
    ],
)
def test_what_is_critical_goes_as_far_as_the_plan_says(critical, patch, major):
    strict = ReleasePolicy(patch=Consent.APPROVE, critical=Change(critical))
    assert needed(strict, Change.PATCH, Urgency.CRITICAL) is Consent(patch)
    assert needed(strict, Change.MAJOR, Urgency.CRITICAL) is Consent(major)


def asked(*before: str, version: str = "2.4.1"):
    return demand("app", ReleasePolicy(), before, Candidate(version))


def test_the_largest_change_of_all_hosts_counts():
    assert asked("2.4.0", "2.4.0").change is Change.PATCH
    found = asked("2.4.0", "1.9.0", "2.3.0", "1.10.0")
    assert found.change is Change.MAJOR
    assert found.consent is Consent.APPROVE
    assert found.before == ("1.9.0", "1.10.0", "2.3.0", "2.4.0")


def test_a_first_installation_needs_nothing():
    assert asked().consent is Consent.AUTO


def test_versions_that_nobody_can_read_come_first():
    assert asked("2.0.0", "weird").before == ("weird", "2.0.0")


@pytest.mark.parametrize(
    ("before", "given", "covered"),
    [
        ("2.4.0", Given(), True),
        ("2.3.0", Given(), False),
        ("2.3.0", Given(yes=True), True),
        ("2.3.0", Given(approved={"app": "2.4.1"}), True),
        ("1.0.0", Given(yes=True), False),
        ("1.0.0", Given(yes=True, approved={"app": "2.4"}), False),
        ("1.0.0", Given(yes=True, approved={"db": "2.4.1"}), False),
        ("1.0.0", Given(approved={"app": "2.4.1"}), True),
    ],
)
def test_what_is_agreed_to(before, given, covered):
    assert given.covers(asked(before)) is covered
