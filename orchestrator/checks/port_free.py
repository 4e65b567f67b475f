"""Check: nobody listens on a TCP port."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import ClassVar

from orchestrator.checks.base import QUICK, SAY, Check, assign
from orchestrator.schema import Text, Whole, Wrong, option

_ANY = ("0" * 8, "0" * 32)

# Sockets as the kernel lists them: $2 is ADDRESS:PORT in hex, $4 the state, 0A is LISTEN.
_LOOK = """
[ -r /proc/net/tcp ] || say 2 "cannot see which ports are taken: no /proc/net/tcp"
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk -v hex="$hex" -v addresses=" $addresses " '
    $4 == "0A" && split($2, part, ":") == 2 && part[2] == hex &&
      (addresses == "  " || index(addresses, " " part[1] " ")) { taken = 1 }
    END { exit !taken }
  ' && say 1 "port $port is taken"
say 0 "port $port is free"
"""


@dataclass(frozen=True)
class PortFree(Check):
    """No process listens on a TCP port."""

    short: ClassVar[str] = "port"

    port: int = option(Whole(1, 65535), "The port.", example="8080")
    address: str = option(
        Text("an IP address"),
        "Only listeners that would take connections to this IP address; without it, any.",
        default="",
        example="127.0.0.1",
    )

    timeout = QUICK

    def __post_init__(self) -> None:
        if self.address:
            _hex_forms(self.address)

    def script(self) -> str:
        """Return the sh text."""
        addresses = " ".join(_hex_forms(self.address)) if self.address else ""
        named = f"{self.port} of {self.address}" if self.address else str(self.port)
        known = assign(port=named, hex=f"{self.port:04X}", addresses=addresses)
        return SAY + known + _LOOK


def _hex_forms(address: str) -> tuple[str, ...]:
    """Return an address as /proc/net/tcp writes it on little- and big-endian machines."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        raise Wrong(f"'{address}' is not an IP address", "write e.g. 127.0.0.1 or ::1") from None
    packed = [ip.packed]
    if ip.version == 4:
        packed.append(bytes(10) + b"\xff\xff" + ip.packed)
    swapped = [b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4)) for raw in packed]
    return tuple(raw.hex().upper() for raw in packed + swapped) + _ANY
