"""Loopback addresses: each lab takes its own block of 127.0.0.0/8.

The whole of 127.0.0.0/8 is local on Linux without any set-up. A lab's block follows from its
folder, so that it stays the same from one ``up`` to the next, and two labs seldom meet; where
they do, or where something else listens, the next free block is taken.
"""

from __future__ import annotations

import hashlib
import itertools
import socket
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

from orchestrator.errors import LabError

LOOPBACK = IPv4Network("127.0.0.0/8")
PORTS = (2222, 12222, 22222)
"""Public ports in order of preference; a listener on all addresses spoils one of them."""

_FIRST_BLOCK = int(IPv4Network("127.16.0.0/22").network_address)
_BLOCK_SIZE = 1024
_BLOCKS = (255 - 16) * 65536 // _BLOCK_SIZE
_TRIES = 64


def choose_block(directory: Path, hosts: int) -> tuple[IPv4Network, int]:
    """Return a free block of addresses for a folder, and the hosts' public port.

    Raises:
        LabError: too many hosts for a block, or everything tried is taken.

    """
    for port, network in itertools.product(PORTS, _candidates(directory)):
        check_room(network, hosts)
        if not taken(network, port, range(hosts)):
            return network, port
    raise LabError(
        f"no free loopback addresses for {hosts} hosts at ports {', '.join(map(str, PORTS))}",
        hint="take down labs that are not needed (`fleet lab down`), or name a network yourself",
    )


def check_room(network: IPv4Network, hosts: int) -> None:
    """Raise `LabError` unless the network is on loopback and has an address for each host."""
    room = network.num_addresses - 2
    if not network.subnet_of(LOOPBACK):
        raise LabError(f"{network} is not on loopback", hint="choose a part of 127.0.0.0/8")
    if not 1 <= hosts <= room:
        raise LabError(
            f"{network} has room for 1 to {room} hosts, not {hosts}",
            hint="ask for fewer hosts, or name a larger network",
        )


def taken(network: IPv4Network, port: int, indexes: range) -> str:
    """Return the first address of these hosts that something listens on, or the empty string."""
    for index in indexes:
        address = str(network[index + 1])
        if not _can_bind(address, port) or not _can_bind(address, port + 1):
            return address
    return ""


def _can_bind(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As sshd does: connections of an earlier lab that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _candidates(directory: Path) -> Iterator[IPv4Network]:
    digest = hashlib.sha256(str(directory).encode()).digest()
    start = int.from_bytes(digest[:8], "big")
    for offset in range(_TRIES):
        block = (start + offset) % _BLOCKS
        yield IPv4Network((_FIRST_BLOCK + block * _BLOCK_SIZE, 22))
