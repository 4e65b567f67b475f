"""Kinds of sources that Ansible knows and we do not: refused by name, never misread as INI."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import Position
from orchestrator.inventory.draft import Draft
from orchestrator.inventory.location import Location


class UnsupportedSource:
    """Scripts and TOML files."""

    def accepts(self, location: Location) -> bool:
        """Return whether Ansible would run or read this in a way that we cannot."""
        return location.is_script or (location.is_file and location.path.suffix == ".toml")

    def read(self, location: Location, draft: Draft) -> Iterable[str]:
        """Say so."""
        kind = "TOML inventories" if location.path.suffix == ".toml" else "inventory scripts"
        mend = f"export it: ansible-inventory -i {location} --list --yaml --output hosts.yml"
        draft.problem(Position(str(location)), "", f"{kind} are not supported", mend)
        return ()
