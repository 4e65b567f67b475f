"""How far the way to a host goes, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.errors import HostError


class Layer(StrEnum):
    """What must hold before a host answers, from the outside in."""

    SETTINGS = "settings"
    """The inventory and ssh_config say something that fleet can do."""
    NAME = "name"
    """The address is one, or the name service knows it."""
    PORT = "port"
    """The port takes connections."""
    BANNER = "banner"
    """What listens there says that it is SSH."""
    HOST_KEY = "host key"
    """The host is who known_hosts says it is."""
    LOGIN = "login"
    BECOME = "become"
    PROGRAM = "program"
    """The host program starts, and answers."""


@dataclass(frozen=True, slots=True)
class Way:
    """One address of a host, and how far one comes there.

    ``address`` is ``user@address:port``; ``ssh`` are the words of an ssh command up to the remote
    one, empty when no address is known. ``broken`` is the first layer that does not hold, and
    ``error`` says why; both are ``None`` when the host program answered. ``bastion``: the layers
    up to the banner are those of the first bastion on the way.
    """

    address: str = ""
    ssh: tuple[str, ...] = ()
    broken: Layer | None = None
    error: HostError | None = None
    recovery: bool = False
    bastion: str = ""

    @property
    def is_open(self) -> bool:
        """Return whether the host program answered."""
        return self.broken is None
