"""``docs/release-policy.md`` is true: its tables are held against the code that decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.model.bundle import Manifest, Urgency
from orchestrator.model.consent import Change, Consent, ReleasePolicy
from orchestrator.planning.needs import Arrival, Standing, unmet
from orchestrator.planning.policy import Demand, Given, change, needed
from tests.docs.tables import Page

PAGE = Page((Path(__file__).parents[2] / "docs" / "release-policy.md").read_text("utf-8"))
INDENTED = Page(PAGE.text.replace("\n  |", "\n|"))


@pytest.mark.parametrize("row", PAGE.rows("from", "to", "class"))
def test_the_class_of_a_change(row):
    assert change(row["from"], row["to"].split(" ")[0]) is Change(row["class"])


def test_what_a_change_goes_with():
    ways = {
        "nothing": Given(),
        "yes": Given(yes=True),
        "approve": Given(approved={"app": "2.0.0"}),
    }
    told = {
        "nothing": {"nothing", "yes", "approve"},
        "a yes at the terminal, --yes, or --approve": {"yes", "approve"},
        "--approve with exactly this version": {"approve"},
    }
    for row in PAGE.rows("the policy says", "the change goes with"):
        consent = Consent(row["the policy says"])
        demand = Demand("app", ("1.0.0",), "2.0.0", Change.MAJOR, consent)
        enough = {way for way, given in ways.items() if given.covers(demand)}
        assert enough == told[row["the change goes with"]]


def test_the_defaults():
    for row in PAGE.rows("class", "low", "normal", "critical"):
        for urgency in Urgency:
            found = needed(ReleasePolicy(), Change(row["class"]), urgency)
            assert found is Consent(row[urgency]), (row, urgency)


@pytest.mark.parametrize("row", INDENTED.rows("floor", "active", "may it get 3.0.0"))
def test_floors(row):
    floor = row["floor"].replace(" or ", " || ")
    installed = "" if row["active"] == "nothing" else row["active"]
    manifest = Manifest("d" * 64, "app", "3.0.0", 1, "", "l" * 64, (), floors=(floor,))
    missing = unmet(Standing(), [Arrival(manifest, installed)])
    assert row["may it get 3.0.0"] == ("no" if missing else "yes")
