from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import LabError
from orchestrator.lab.machine import network
from orchestrator.lab.machine.network import bridge_of, claim_block, ensure_bridge, mac_of


class Kernel:
    """A stand-in for ``ip`` with links and routes of its own."""

    def __init__(self) -> None:
        self.links: dict[str, dict[str, Any]] = {}
        self.routes = ["default", "192.168.1.0/24"]

    def ip(self, *words: str) -> str:
        match words:
            case ("-json", "link", "show"):
                return json.dumps([{"ifname": name, **of} for name, of in self.links.items()])
            case ("-json", "-4", "route", *_):
                return json.dumps([{"dst": dst} for dst in self.routes])
            case ("link", "add", name, *_):
                if name in self.links:
                    raise LabError("ip failed: RTNETLINK answers: File exists")
                self.links[name] = {}
            case ("link", "set", name, "alias", alias, *_):
                self.links[name]["ifalias"] = alias
        return ""


@pytest.fixture
def kernel(monkeypatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(network, "_ip", kernel.ip)
    return kernel


def test_a_lab_keeps_its_block_and_no_other_gets_it(kernel: Kernel) -> None:
    first = claim_block(Path("/a"))
    assert claim_block(Path("/a")) == first
    ours = kernel.links[bridge_of(first)]
    ours["ifalias"] = "/b"
    assert claim_block(Path("/a")) != first
    with pytest.raises(LabError, match="another lab uses"):
        ensure_bridge(first, Path("/a"))


def test_a_bridge_whose_owner_is_not_yet_known_is_passed_over(kernel: Kernel) -> None:
    first = claim_block(Path("/a"))
    del kernel.links[bridge_of(first)]["ifalias"]
    assert claim_block(Path("/a")) != first


def test_what_is_routed_elsewhere_is_passed_over(kernel: Kernel) -> None:
    kernel.routes.append("198.18.0.0/16")
    found = [claim_block(Path(f"/lab{number}")) for number in range(20)]
    assert all(block.subnet_of(IPv4Network("198.19.0.0/16")) for block in found)
    kernel.routes.append("198.0.0.0/8")
    with pytest.raises(LabError, match="no block"):
        claim_block(Path("/late"))


def test_names_are_short_enough_for_the_kernel_and_tell_blocks_apart() -> None:
    blocks = list(network.RANGE.subnets(new_prefix=24))
    names = {bridge_of(block) for block in blocks}
    assert len(names) == len(blocks)
    assert max(map(len, names)) + len("-h200") < 16


def test_an_address_always_has_the_same_hardware_address() -> None:
    assert mac_of(IPv4Address("198.18.77.1")) == "02:00:c6:12:4d:01"
