"""What is to be done on one host, as values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from orchestrator.model.bundle import Manifest
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Package, Retries, Timeouts
from orchestrator.planning.policy import Given
from orchestrator.planning.wayback import WayBack


@dataclass(frozen=True, slots=True)
class PackageWork:
    """One package of a host with the release it is to get.

    ``signers`` is the text of a trust file, ``identities`` the principals in it who made the
    bundle's signatures, one for each, "-" for one that does not count: the host verifies for
    itself. ``agreed`` is what the operator agreed to; ``None`` where the version was named.
    ``back`` says how, where an operator takes the package back to the release.
    """

    package: Package
    manifest: Manifest
    signers: str
    identities: tuple[str, ...]
    agreed: Given | None = None
    back: WayBack | None = None

    @property
    def name(self) -> str:
        """Return the package's name."""
        return self.package.name

    @property
    def release(self) -> str:
        """Return the release id that the host is to have."""
        return self.manifest.release


@dataclass(frozen=True, slots=True)
class Assignment:
    """Everything that one host is to get, packages in the order of activation."""

    host: Host
    packages: tuple[PackageWork, ...]
    wave: str


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Who acts: the run, its owner as people should read it, and the run's random nonce."""

    run: str
    owner: str
    nonce: str

    def host_nonce(self, host: str) -> str:
        """Return the nonce of this run's trials on ``host``: 32 hex digits."""
        return hashlib.sha256(f"{self.nonce}:{host}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """How long and how often the driver tries; ``lock_ttl`` is in seconds.

    The lock must outlive the run's longest pause between two actions on a host. ``holds`` says that
    confirmed releases stay on trial until they are committed. ``by_recovery`` says that a release
    may be brought by a host's recovery address as well; it proves itself by the host's own.
    """

    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()
    lock_ttl: float = 3600.0
    holds: bool = False
    by_recovery: bool = False
