"""Sources of hosts: Ansible's INI and YAML inventories, folders of them, and lists of hosts.

Read in the way Ansible does, so that an inventory means the same here and there::

    fleet = load(["inventories/edge"], plan_dir=Path("playbooks"))
    names = select(fleet, "gateways:!retired")

Stricter than Ansible where it would carry on with a guess: duplicate YAML keys, undefined groups,
unknown keys and unreadable files are errors, all reported at once as ``file:line:column``.
"""

from __future__ import annotations

from orchestrator.inventory.endpoints import ConnectionDefaults
from orchestrator.inventory.load import load
from orchestrator.inventory.patterns import Selection
from orchestrator.inventory.selection import Inventory, limit, select
from orchestrator.inventory.variables import HostVariables

__all__ = [
    "ConnectionDefaults",
    "HostVariables",
    "Inventory",
    "Selection",
    "limit",
    "load",
    "select",
]
