"""What a host of the lab has, read from its disk behind the back of ``fleet``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from orchestrator.lab.spec import LabHost

PACKAGE = "app"


@dataclass(frozen=True)
class Disk:
    """One package on one host, as it lies on the disk."""

    host: LabHost
    area: str

    @property
    def places(self) -> tuple[Path, Path]:
        """What this area has of the host: the parents of the package's folders."""
        return self.root.parent, self.state.parent

    @property
    def root(self) -> Path:
        """The package's folder of releases."""
        return self.host.root / self.area / PACKAGE

    @property
    def state(self) -> Path:
        """The package's folder of records."""
        return self.host.state / self.area / PACKAGE

    @property
    def active(self) -> str:
        """The active release, or nothing."""
        link = self.root / "current"
        return link.readlink().name if link.is_symlink() else ""

    @property
    def version(self) -> str:
        """The version that the active release's own content names, or nothing."""
        return (self.root / "current/VERSION").read_text().strip() if self.active else ""

    @property
    def complete(self) -> set[str]:
        """The complete releases."""
        return {mark.parts[-3] for mark in self.root.glob("releases/*/.fleet/complete")}

    @property
    def on_trial(self) -> bool:
        """Whether a trial is armed."""
        return (self.state / "trial").exists()

    @property
    def locked(self) -> bool:
        """Whether a run holds the package's lock."""
        return (self.state / "lock").exists()

    @property
    def ledger(self) -> list[str]:
        """The steps that are done."""
        path = self.state / "ledger"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[0] for line in lines if line]

    @property
    def history(self) -> list[dict[str, object]]:
        """The host's own record, oldest first."""
        path = self.state / "history.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def hold(self, name: str) -> None:
        """Have a hook, or ``step`` or ``unstep``, wait once it has left its trace."""
        self._holder(name).parent.mkdir(parents=True, exist_ok=True)
        self._holder(name).touch()

    def let_go(self, name: str) -> None:
        """Hold it no longer."""
        self._holder(name).unlink()

    def _holder(self, name: str) -> Path:
        return self.root.with_name(f"hold-{name}")

    @property
    def trace(self) -> list[str]:
        """What hooks and steps have run: ``<hook> <version gone to>`` or ``step <name>``."""
        path = self.root.with_name("trace")
        return path.read_text().splitlines() if path.exists() else []
