"""A plan's lock: the very releases that were meant when it was written."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.errors import Position
from orchestrator.model.plan import NOWHERE, Origin


@dataclass(frozen=True, slots=True)
class Pin:
    """Just one release: its version, and the sha256 (hex) of its manifest's bytes."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Locked:
    """One package's release: ``digest`` is the sha256 (hex) of its manifest's bytes."""

    name: str
    version: str
    revision: int
    digest: str
    origin: Origin
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Lock:
    """The releases of all packages of a plan; ``source`` is the lock's file."""

    source: str
    packages: tuple[Locked, ...]

    @property
    def pins(self) -> dict[str, Pin]:
        """Return what each package is to have."""
        return {it.name: Pin(it.version, it.digest) for it in self.packages}
