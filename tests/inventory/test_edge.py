"""The example inventory is what the documentation says it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory import load, select
from orchestrator.model.fleet import Become, Jump

EDGE = Path(__file__).parents[2] / "inventories" / "edge"


@pytest.fixture(scope="module")
def edge():
    return load([str(EDGE)])


def test_groups_and_zones(edge):
    assert {name: len(hosts) for name, hosts in edge.groups.items()} == {
        "all": 12, "ungrouped": 0, "gateways": 10, "databases": 2, "canaries": 2, "retired": 1,
        "edge": 12,
    }  # fmt: skip
    assert len(select(edge, "gateways:databases:!retired")) == 11
    assert {host.variables["zone"] for host in edge} == {"north", "south", "coast"}


def test_how_hosts_are_reached(edge):
    gateway = edge["gw01.coast.example.net"]
    assert gateway.groups == ("edge", "gateways")
    assert (gateway.endpoint.address, gateway.endpoint.port) == ("192.0.2.17", 2222)
    assert gateway.endpoint.jumps == (Jump("bastion.coast.example.net", None, "jump"),)
    assert (gateway.endpoint.user, gateway.endpoint.become) == ("deploy", Become())
    assert gateway.variables["health_url"] == "http://127.0.0.1:8443/health"
    database = edge["db1.north.example.net"]
    assert database.endpoint.jumps == ()
    assert database.variables["service_port"] == 5432
