"""The same inventories mean the same here and to Ansible, whose answers are in ``golden/``."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import InventoryError, UsageError
from orchestrator.inventory import Inventory, limit, load
from orchestrator.inventory.patterns import BadTerm, split

HERE = Path(__file__).parent
CASES = json.loads((HERE / "cases.json").read_text("utf-8"))


@pytest.fixture(params=CASES)
def case(request, monkeypatch):
    monkeypatch.chdir(HERE / "fixtures")
    return request.param


def read(name: str) -> Inventory:
    case = CASES[name]
    plan_dir = Path(case["plan_dir"]) if "plan_dir" in case else None
    return load(case["sources"], extra_vars=case.get("extra_vars", {}), plan_dir=plan_dir)


def golden(name: str) -> dict[str, Any]:
    text = (HERE / "golden" / f"{name}.json").read_text("utf-8")
    return dict(json.loads(text))


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def known(inventory: Inventory, host: str) -> dict[str, object]:
    found = {}
    for name in inventory[host].variables:
        try:
            found[name] = plain(inventory[host].variables[name])
        except InventoryError:
            found[name] = "<error>"
    return found


def evaluate(inventory: Inventory, pattern: str) -> list[str] | None:
    try:
        return list(inventory.patterns.evaluate(split(pattern)).names)
    except BadTerm:
        return None


def in_order_of(expected: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return what was found, in the form of an answer of which the order is left open."""
    return {
        name: {"any order": sorted(names)} if isinstance(expected.get(name), dict) else names
        for name, names in found.items()
    }


def limited(inventory: Inventory, pattern: str, limiting: str) -> list[str]:
    names = inventory.patterns.evaluate(split(pattern)).names
    try:
        return list(limit(inventory, names, limiting).names)
    except UsageError:
        return []


def test_groups_have_the_same_hosts_in_the_same_order(case):
    found = {name: list(hosts) for name, hosts in read(case).groups.items()}
    expected = golden(case)["groups"]
    assert in_order_of(expected, found) == expected


def test_hosts_have_the_same_variables(case):
    inventory, expected = read(case), golden(case)["hosts"]
    assert {host.name: known(inventory, host.name) for host in inventory} == expected


def test_patterns_select_the_same_hosts_in_the_same_order(case):
    inventory, expected = read(case), golden(case)["patterns"]
    found = {pattern: evaluate(inventory, pattern) for pattern in expected}
    assert in_order_of(expected, found) == expected


def test_limits_let_the_same_hosts_through(case):
    inventory, expected = read(case), golden(case)["limits"]
    assert [
        [*both, limited(inventory, *both)] for both in (row[:2] for row in expected)
    ] == expected
