"""The kinds of inventory sources, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from orchestrator.errors import InventoryError, Position
from orchestrator.inventory.draft import Draft
from orchestrator.inventory.folder import FolderSource
from orchestrator.inventory.hostlist import HostListSource
from orchestrator.inventory.ini import IniSource
from orchestrator.inventory.location import Location
from orchestrator.inventory.unsupported import UnsupportedSource
from orchestrator.inventory.yamlfile import YamlSource
from orchestrator.registry import Registry


class Source(Protocol):
    """One kind of source."""

    def accepts(self, location: Location, /) -> bool:
        """Return whether a source is of this kind."""

    def read(self, location: Location, draft: Draft, /) -> Iterable[str]:
        """Add a source to the draft, and return further sources to read in its place.

        Problems are noted in the draft; raises InventoryError if it cannot be read at all.
        """


SOURCES: Registry[Source] = Registry(
    "inventory source",
    {
        "hosts": HostListSource(),
        "folder": FolderSource(),
        "unsupported": UnsupportedSource(),
        "yaml": YamlSource(),
        "ini": IniSource(),
    },
)


def read(source: str, draft: Draft) -> None:
    """Add a source, and all that it leads to, to the draft; what is wrong is noted there."""
    location = Location(source)
    draft.source = source
    try:
        for kind in SOURCES.values():
            if kind.accepts(location):
                for further in kind.read(location, draft):
                    read(further, draft)
                return
    except InventoryError as error:
        draft.problems.extend(error.problems)
        return
    mend = f'for a host of that name write -i "{source},"' if "/" not in source else ""
    draft.problem(Position(source), "", "there is no such file or folder", mend)
