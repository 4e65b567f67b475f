"""Hosts that are named on the command line: ``-i "one,two:2222,"``."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import Position
from orchestrator.inventory.addresses import split_port
from orchestrator.inventory.draft import UNGROUPED, Draft
from orchestrator.inventory.location import Location
from orchestrator.inventory.variables import Variable


class HostListSource:
    """Names parted by commas; one name alone needs a comma, too, to be a list."""

    def accepts(self, location: Location) -> bool:
        """Return whether this is a list of hosts, as Ansible tells it from a path."""
        return "," in str(location) and not location.exists

    def read(self, location: Location, draft: Draft) -> Iterable[str]:
        """Add the hosts that are not there yet."""
        at = Position(str(location))
        for text in filter(None, map(str.strip, str(location).split(","))):
            name, port = split_port(text) or (text, None)
            if "[" in name:
                what = "ranges are not expanded in a list of hosts, nor does Ansible"
                draft.problem(at, text, what, "write the range into an inventory file")
            elif name not in draft.hosts:
                draft.add_host(name, UNGROUPED, None if port is None else Variable(port, at))
        return ()
