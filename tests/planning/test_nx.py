"""networkx is slow to load: a plan that orders nothing goes without it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from orchestrator.errors import Position
from orchestrator.model.fleet import Endpoint, Fleet, Host
from orchestrator.model.plan import Edge, EdgeKind, Origin, Package, Plan
from orchestrator.planning import package_order, plan_waves

place = Position("plan.yml", 1, 1)
edges = (Edge("a", "b", EdgeKind.PACKAGES, place),) if "order" in sys.argv else ()
packages = tuple(Package(name, on="all", bundle=Origin(name)) for name in "ab")
plan = Plan("app", "plan.yml", "", (), "all", packages, edges)
fleet = Fleet((Host("h1", Endpoint("h1")),))
plan_waves(plan, fleet, lambda pattern: ["h1"], dict.fromkeys("ab", frozenset(["h1"])))
package_order(plan)
print("networkx" in sys.modules)
"""


@pytest.mark.parametrize(("arguments", "loaded"), [([], "False"), (["order"], "True")])
def test_it_is_loaded_for_orders_alone(arguments, loaded):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip() == loaded
