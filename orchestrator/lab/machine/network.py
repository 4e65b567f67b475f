"""Networks of machines: each lab has one bridge, and a block of 198.18.0.0/15 on it.

That range is set aside for test networks (RFC 2544), and is routed nowhere. A bridge is named
after its block, so that the kernel itself lets no two labs have the same one; which lab a bridge
belongs to stands in its alias. Machines have no route to anything but their own block.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.debian import run_tool

RANGE = IPv4Network("198.18.0.0/15")
PORT = 22
MOST_HOSTS = 200

_BLOCKS = list(RANGE.subnets(new_prefix=24))
_HINT = "machines need a Linux kernel with bridge and veth, and iproute2's `ip`"


def claim_block(directory: Path) -> IPv4Network:
    """Return a block that nothing else on this box uses, and make its bridge for a lab.

    Raises:
        LabError: all blocks are taken, or the bridge cannot be made.

    """
    for network in _candidates(directory):
        if _owner(network) == str(directory) or (not _in_use(network) and _claim(network)):
            ensure_bridge(network, directory)
            return network
    raise LabError(
        f"no block of {RANGE} is free for another lab of machines",
        hint="take down labs that are not needed (`fleet lab down`)",
    )


def check_room(hosts: int) -> None:
    """Raise `LabError` unless a block has room for so many machines."""
    if not 1 <= hosts <= MOST_HOSTS:
        raise LabError(
            f"a lab has room for 1 to {MOST_HOSTS} machines, not {hosts}",
            hint="ask for fewer hosts, or use `--kind sshd`",
        )


def ensure_bridge(network: IPv4Network, directory: Path) -> None:
    """Make a lab's bridge as it should be, with the box's own address on it.

    Raises:
        LabError: another lab has the block by now, or ``ip`` failed.

    """
    name = bridge_of(network)
    if _owner(network) not in ("", str(directory)) or (_link(name) is None and not _claim(network)):
        raise LabError(
            f"another lab uses {network} by now",
            hint="take down that lab, or this one (`fleet lab down`) and start it anew",
        )
    gateway = box_address(network)
    _ip("link", "set", name, "alias", str(directory), "address", mac_of(gateway))
    _ip("link", "set", name, "up", "addrgenmode", "none")
    _ip("address", "replace", f"{gateway}/{network.prefixlen}", "dev", name)


def remove_bridge(network: IPv4Network, directory: Path) -> None:
    """Remove a lab's bridge, if it is there."""
    if _owner(network) == str(directory):
        _ip("link", "delete", bridge_of(network))


def set_cable(port: str, bridge: str, *, connected: bool) -> None:
    """Plug a machine's network cable in or out; one that is off has none."""
    if _link(port) is not None:
        _ip("link", "set", port, "master", bridge, "up" if connected else "down")


def bridge_of(network: IPv4Network) -> str:
    """Return the name of a block's bridge."""
    return f"fl{_BLOCKS.index(network):03x}"


def box_address(network: IPv4Network) -> IPv4Address:
    """Return the address of this box in a block."""
    return network[-2]


def mac_of(address: IPv4Address) -> str:
    """Return the hardware address that goes with an address: the same after every boot."""
    return ":".join(f"{byte:02x}" for byte in b"\x02\x00" + address.packed)


def _candidates(directory: Path) -> Iterator[IPv4Network]:
    start = int.from_bytes(hashlib.sha256(str(directory).encode()).digest()[:8], "big")
    for offset in range(len(_BLOCKS)):
        yield _BLOCKS[(start + offset) % len(_BLOCKS)]


def _claim(network: IPv4Network) -> bool:
    """Make the bridge of a block; tell whether nobody else had it."""
    try:
        _ip("link", "add", bridge_of(network), "type", "bridge")
    except LabError:
        if _link(bridge_of(network)) is None:
            raise
        return False
    return True


def _in_use(network: IPv4Network) -> bool:
    """Tell whether the box routes some of a block, other than by its default route."""
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all"))
    known = [IPv4Network(route["dst"]) for route in routes if route["dst"][0].isdecimal()]
    return any(other.prefixlen and other.overlaps(network) for other in known)


def _owner(network: IPv4Network) -> str:
    """Return the folder of the lab that a block's bridge belongs to, or nothing."""
    link = _link(bridge_of(network))
    return str(link.get("ifalias", "")) if link else ""


def _link(name: str) -> dict[str, object] | None:
    links = json.loads(_ip("-json", "link", "show"))
    return next((link for link in links if link["ifname"] == name), None)


def _ip(*arguments: str) -> str:
    return run_tool(["ip", *arguments], hint=_HINT)
