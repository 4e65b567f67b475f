"""Where fleet keeps its own things on the ops box."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import sources
from orchestrator.bundles.released import Released
from orchestrator.journal import Journal


@dataclass(frozen=True)
class Home:
    """The folder of one user's fleet, and what lies where in it."""

    root: Path

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Home:
        """Return ``$FLEET_HOME``, else ``fleet`` in ``$XDG_STATE_HOME`` or ``~/.local/state``."""
        if given := environ.get("FLEET_HOME"):
            return cls(Path(given).expanduser().absolute())
        state = environ.get("XDG_STATE_HOME") or "~/.local/state"
        return cls(Path(state).expanduser() / "fleet")

    @property
    def journal(self) -> Path:
        """Return the journal's file."""
        return self.root / "journal.db"

    @property
    def reports(self) -> Path:
        """Return the folder of run reports."""
        return self.root / "reports"

    @property
    def payloads(self) -> Path:
        """Return the folder where payloads are spooled."""
        return self.root / "payloads"

    @property
    def patches(self) -> Path:
        """Return the folder where patches are kept for later runs."""
        return self.root / "patches"

    @property
    def trust(self) -> Path:
        """Return the trust file for plans that name none."""
        return self.root / "allowed_signers"

    @property
    def cache(self) -> Path:
        """Return the folder of bundles that were fetched or built here."""
        return self.root / sources.CACHE

    @property
    def released(self) -> Released:
        """Return what is remembered of the releases that runs began with."""
        return Released(self.root / "released")

    @property
    def media(self) -> Path:
        """Return the folder where built media are remembered."""
        return self.root / "media"

    @property
    def lab(self) -> Path:
        """Return the folder of the lab."""
        return self.root / "lab"

    def open_journal(self) -> Journal:
        """Open the journal; raises JournalError."""
        return Journal.open(self.journal)
