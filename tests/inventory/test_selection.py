"""Choosing hosts: errors of plans, ``--limit``, and fleets that are no inventory."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InventoryError, Position, UsageError
from orchestrator.inventory import limit, load, select

TEXT = """\
spare
[gateways]
gw[1:4]
[databases]
db1
[canaries]
gw2
[empty]
"""


@pytest.fixture
def fleet(write):
    return load([write("hosts", TEXT)])


def test_the_order_is_that_of_the_pattern(fleet):
    assert select(fleet, "databases:gateways:!gw3") == ("db1", "gw1", "gw2", "gw4")
    assert select(fleet, "gw4,gw1") == ("gw4", "gw1")


def test_a_reduced_fleet_can_be_chosen_from(fleet):
    reduced = fleet.only(["gw1", "gw2", "db1"])
    assert select(reduced, "all:!canaries") == ("gw1", "db1")


def test_an_empty_group_is_no_error(fleet):
    assert select(fleet, "empty") == ()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("gatways", ["'gatways' is no host or group; did you mean 'gateways'?"]),
        (
            "all:!retired:&cnaries",
            [
                "'cnaries' is no host or group; did you mean 'canaries'?",
                "'retired' is no host or group",
            ],
        ),
        ("zz*", ["'zz*' is no host or group"]),
        (
            "gw1:gw2,db1",
            ["'gw1:gw2' is no host or group; part the terms by ',' or by ':', not both"],
        ),
        ("gateways[9]", ["'gateways[9]' asks for more than the 4 hosts there"]),
        (
            "~(",
            ["'~(' is not a regular expression: missing ), unterminated subpattern at position 0"],
        ),
        ("all:!", ["a term is empty after '&' or '!'"]),
        (" : ", ["the pattern names no hosts; write all for every host"]),
    ],
)
def test_errors_of_plans(fleet, pattern, expected):
    with pytest.raises(InventoryError) as caught:
        select(fleet, pattern, position=Position("plan.yml", 4, 10), path="fleet.hosts")
    assert [str(problem) for problem in caught.value.problems] == [
        f"plan.yml:4:10: fleet.hosts: {what}" for what in expected
    ]


def test_a_limit_keeps_the_order_and_tells_what_matched_nothing(fleet):
    names = select(fleet, "gateways:databases")
    found = limit(fleet, names, "db1:gw2:nobody")
    assert (found.names, found.unmatched) == (("gw2", "db1"), ("nobody",))


def test_a_limit_from_a_file(fleet):
    Path("retry").write_text("gw4\n\n  gw1 \n!gw4\n")
    assert limit(fleet, select(fleet, "all"), "@retry,db1").names == ("gw1", "db1")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("databases", "--limit 'databases' matches none of the selected hosts"),
        ("gatewys", "did you mean 'gateways'?"),
        ("@nowhere", "--limit: cannot read 'nowhere': no such file or directory"),
        ("@none", "--limit: '@none' names no hosts"),
        ("@.", "--limit: cannot read '.': is a directory"),
        ("~(", "--limit: '~(' is not a regular expression"),
    ],
)
def test_errors_of_limits(fleet, pattern, expected):
    Path("none").write_text("\n")
    with pytest.raises(UsageError) as caught:
        limit(fleet, ("gw1",), pattern)
    assert expected in str(caught.value)


def test_terms_are_evaluated_once(fleet):
    first = fleet.patterns.evaluate(["gw*"])
    fleet.patterns._hosts["gw9"] = None
    assert fleet.patterns.evaluate(["gw*"]) == first
