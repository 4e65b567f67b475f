"""Folders of inventory files, merged in alphabetical order."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.inventory.draft import Draft
from orchestrator.inventory.location import Location

# What Ansible passes over by default (INVENTORY_IGNORE_EXTS), and its folders of variables.
_IGNORED = re.compile(
    r"\.|(host_vars|group_vars|vars_plugins)$"
    r"|.*(\.(pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry)|~)$"
)


class FolderSource:
    """A folder; its files and folders are sources of their own."""

    def accepts(self, location: Location) -> bool:
        """Return whether this is a folder."""
        return location.is_folder

    def read(self, location: Location, _draft: Draft) -> Iterable[str]:
        """Return what is in the folder, to be read in its place."""
        items = sorted(location.path.iterdir())
        return [str(item) for item in items if not _IGNORED.match(item.name)]
