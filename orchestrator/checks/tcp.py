"""Check: something takes TCP connections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from orchestrator.checks.base import SAY, Check, assign, patience, timeout
from orchestrator.schema import Text, Whole, Wrong, host_flaw, option

# nc may wait for the other side to close: killed after its connect timeout, it was connected.
_CONNECT = """
limited() { if have timeout; then timeout "$@"; else shift; "$@"; fi; }
if have bash; then
  limited "$seconds" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null
elif have python3; then
  python3 -c 'import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
except OSError:
    sys.exit(1)
' "$address" "$port" "$seconds"
elif have nc; then
  limited $((seconds + 1)) nc -w "$seconds" "$address" "$port" </dev/null >/dev/null 2>&1
  case $? in 0 | 124 | 143) true ;; *) false ;; esac
else
  say 2 "cannot connect to $address port $port: no bash, python3 or nc here"
fi && say 0 "$address port $port takes connections"
say 21 "$address port $port takes no connections"
"""


@dataclass(frozen=True)
class Tcp(Check):
    """Something on, or reachable from, the host takes TCP connections."""

    short: ClassVar[str] = "address"

    address: str = option(
        Text("an address", r"[A-Za-z0-9_.:%\[\]-]+", "write e.g. 127.0.0.1:80"),
        "Name or IP address; 'address:port' may stand in one.",
        example="127.0.0.1",
    )
    port: int | None = option(Whole(1, 65535), "The port.", default=None, example="8080")
    timeout: float = timeout(10.0)

    def __post_init__(self) -> None:
        self.target()

    def target(self) -> tuple[str, int]:
        """Return address and port, parted; raises Wrong."""
        joined = re.fullmatch(r"([^:]+|\[[^\]]+\]):([0-9]{1,5})", self.address)
        if bool(joined) == (self.port is not None):
            raise Wrong("asks for no single port", "write 'address:port', or give 'port'")
        address, port = (joined[1], int(joined[2])) if joined else (self.address, self.port or 0)
        address = address.strip("[]")
        if not 0 < port < 65536 or host_flaw(address):
            raise Wrong(f"'{self.address}' is not an address", "write e.g. 127.0.0.1:80")
        return address, port

    def script(self) -> str:
        """Return the sh text."""
        address, port = self.target()
        return SAY + assign(address=address, port=port, seconds=patience(self.timeout)) + _CONNECT
