"""The inventory that a lab writes: Ansible's YAML, ready for ``fleet -i``."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from orchestrator.lab.record import write_atomically
from orchestrator.lab.spec import LabHost, LabPaths

_CANARY_SHARE = 20
_PLACES_OF_MACHINES = {
    "fleet_root": "/opt/fleet",
    "fleet_state": "/var/lib/fleet",
    "lab_home": "/root",
}


def write_inventory(
    paths: LabPaths, hosts: Sequence[LabHost], user: str, *, machines: bool
) -> None:
    """Write ``inventory.yml``: group ``lab`` of all hosts, ``canaries`` of the first 5 %."""
    canaries = hosts[: max(1, len(hosts) // _CANARY_SHARE)]
    document = {
        "lab": {
            "hosts": {host.name: _host_variables(host, machines) for host in hosts},
            "vars": _connection_variables(paths, hosts[0].port, user),
        },
        "canaries": {"hosts": {host.name: {} for host in canaries}},
    }
    write_atomically(paths.inventory, yaml.safe_dump(document, sort_keys=False))


def _host_variables(host: LabHost, machine: bool) -> dict[str, str]:
    return {
        "ansible_host": host.address,
        "service_address": host.address,
        "zone": host.zone,
        **(_PLACES_OF_MACHINES if machine else _places(host)),
    }


def _places(host: LabHost) -> dict[str, str]:
    return {
        "fleet_root": str(host.root),
        "fleet_state": str(host.state),
        "lab_home": str(host.home),
        "fleet_boot_hook": "none",  # it never boots, and the machine around it is someone's own
    }


def _connection_variables(paths: LabPaths, port: int, user: str) -> dict[str, str | int]:
    return {
        "ansible_port": port,
        "ansible_user": user,
        "ansible_ssh_private_key_file": str(paths.client_key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={paths.known_hosts}",
    }
