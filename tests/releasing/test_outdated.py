"""``fleet outdated``: what the hosts have, and what could come."""

from __future__ import annotations

import json

import pytest

from tests.releasing.site import Corner

pytestmark = pytest.mark.ssh


@pytest.fixture
def mixed(corner: Corner) -> Corner:
    """Two hosts with 2.4.1, one with nothing, and a source that has moved on."""
    corner.bundles("app", "2.4.1")
    corner.give("app", "2.4.1", "h001", "h002")
    corner.bundles("app", "2.4.5", "3.0.0")
    corner.bundle("app", "2.5.0", urgency="low", notes="Faster start\nand more")
    corner.write_plan({"app": {"version": "^2.4"}})
    return corner


def test_a_table_for_people(mixed: Corner) -> None:
    told = mixed.fleet("outdated", mixed.plan)
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert lines == [
        "package installed by itself in range newest",
        "app nothing: h003 2.4.5 2.5.0 3.0.0",
        "2.4.1: h001, h002 (2 hosts)",
        "",
        "app 2.4.5: patch change, goes by itself",
        "app 2.5.0: minor change, needs --yes, low; Faster start",
        "app 3.0.0: major change, is not what the plan asks for",
        "",
    ]
    assert mixed.runs() == 1


def test_a_document_for_programs(mixed: Corner) -> None:
    mixed.lab.cut("h002")
    try:
        told = mixed.fleet("outdated", mixed.plan, "--json", expect=4)
    finally:
        mixed.lab.restore("h002")
    found = json.loads(told.out)
    assert found["installed"] == {"": ["h003"], "2.4.1": ["h001"]}
    assert found["unreachable"] == ["h002"]
    assert (found["auto"]["version"], found["newest"]["version"]) == ("2.4.5", "3.0.0")
    assert found["best"] == {
        "version": "2.5.0",
        "urgency": "low",
        "notes": "Faster start\nand more",
        "change": "minor",
        "consent": "ask",
    }


def test_sources_alone_need_no_host(mixed: Corner) -> None:
    for host in mixed.lab.hosts:
        mixed.lab.cut(host.name)
    try:
        before = mixed.fleet("bundle", "outdated", mixed.plan)
        assert "app 2.5.0: goes by itself, low; Faster start" in before.out
        mixed.write_plan({"app": {"version": "2.4.1"}})
        mixed.fleet("lock", mixed.plan)
        mixed.write_plan({"app": {"version": "^2.4"}})
        told = mixed.fleet("bundle", "outdated", mixed.plan)
        found = json.loads(mixed.fleet("bundle", "outdated", mixed.plan, "--json").out)
    finally:
        mixed.lab.restore(*(host.name for host in mixed.lab.hosts))
    assert "locked 2.4.1" in told.out
    assert "app 2.5.0: minor change, needs --yes, low; Faster start" in told.out
    assert (found["locked"], found["auto"]["version"]) == ("2.4.1", "2.4.5")


def test_a_source_that_is_not_there(corner: Corner) -> None:
    corner.write_plan({"app": {}})
    told = corner.fleet("bundle", "outdated", corner.plan, expect=6)
    assert "no such folder" in told.err
