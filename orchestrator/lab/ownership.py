"""Which processes belong to which host of a lab.

A host has two sorts. Its *daemons* are its listener, the listener's children that each hold one
connection, and its relay. Its *own* processes are all that its sessions ever started: they carry
the marker in their environment, however far they have detached, or descend from one that does.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.lab.processes import Process, ProcessTable, running
from orchestrator.lab.spec import LabHost, LabPaths


def daemon_processes(paths: LabPaths, hosts: Sequence[LabHost]) -> set[Process]:
    """Return the daemons of some hosts, without what their sessions started."""
    table = ProcessTable.now()
    marked = frozenset(table.marked(_lab_marker(paths)))
    return table.processes(table.tree(_listeners(hosts), without=marked))


def own_processes(paths: LabPaths, hosts: Sequence[LabHost]) -> set[Process]:
    """Return what the sessions of some hosts started, without their daemons."""
    table = ProcessTable.now()
    return table.processes(table.tree(_marked(table, paths, hosts)))


def all_processes(paths: LabPaths, hosts: Sequence[LabHost]) -> set[Process]:
    """Return the daemons and the own processes of some hosts."""
    table = ProcessTable.now()
    roots = [*_listeners(hosts), *_marked(table, paths, hosts)]
    return table.processes(table.tree(roots))


def _listeners(hosts: Sequence[LabHost]) -> list[int]:
    files = (file for host in hosts for file in (host.sshd_pid, host.relay_pid))
    return [identity.pid for file in files if (identity := running(file))]


def _marked(table: ProcessTable, paths: LabPaths, hosts: Sequence[LabHost]) -> list[int]:
    names = {host.name for host in hosts}
    marked = table.marked(_lab_marker(paths))
    return [pid for pid, name in marked.items() if name in names]


def _lab_marker(paths: LabPaths) -> str:
    return paths.marker("")
