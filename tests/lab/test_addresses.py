from __future__ import annotations

import socket
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from orchestrator.errors import LabError
from orchestrator.lab.addresses import LOOPBACK, check_room, choose_block, taken
from orchestrator.lab.spec import LabPaths


def test_a_folder_keeps_its_block() -> None:
    assert choose_block(Path("/a/lab"), 12) == choose_block(Path("/a/lab"), 300)


def test_folders_spread_over_loopback() -> None:
    blocks = {choose_block(Path(f"/lab{i}"), 1)[0] for i in range(200)}
    assert len(blocks) > 190
    assert all(block.subnet_of(LOOPBACK) for block in blocks)


def test_a_block_in_use_is_passed_over() -> None:
    network, port = choose_block(Path("/b/lab"), 3)
    third = str(network[3])
    for busy in (port, port + 1):
        with socket.create_server((third, busy)):
            assert taken(network, port, range(3)) == third
            assert taken(network, port, range(2)) == ""
            assert choose_block(Path("/b/lab"), 3)[0] != network


def test_every_host_has_an_address_of_its_own() -> None:
    paths, network = LabPaths(Path("/lab")), IPv4Network("127.77.0.0/22")
    hosts = [paths.host(index, network, 2222) for index in range(1022)]
    assert len({host.address for host in hosts}) == 1022
    assert (hosts[0].name, hosts[0].address) == ("h001", "127.77.0.1")
    assert hosts[1021].address == "127.77.3.254"


@pytest.mark.parametrize(
    ("network", "hosts"), [("127.1.0.0/30", 3), ("127.1.0.0/24", 0), ("10.0.0.0/24", 1)]
)
def test_a_network_that_does_not_do_is_refused(network: str, hosts: int) -> None:
    with pytest.raises(LabError):
        check_room(IPv4Network(network), hosts)
