"""An inventory while it is read: groups, hosts, what is wrong; then its settled structure.

The rules are those of Ansible's inventory: ``all`` and ``ungrouped`` always exist; a group
without parents is a child of ``all``; a host in no other group is in ``ungrouped``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.errors import Position, Problem
from orchestrator.inventory.variables import Variable

ALL, UNGROUPED = "all", "ungrouped"


@dataclass(slots=True, eq=False)
class GroupDraft:
    """A group: its own hosts, children and parents, in the order in which they were named."""

    name: str
    priority: int = 1
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class HostDraft:
    """A host, the groups that name it, and the source that named it first."""

    name: str
    source: str
    groups: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)


class Draft:
    """What the sources have said so far; ``source`` is the one being read."""

    def __init__(self) -> None:
        self.groups: dict[str, GroupDraft] = {}
        self.hosts: dict[str, HostDraft] = {}
        self.problems: list[Problem] = []
        self.source = ""
        self.add_group(ALL)
        self.add_group(UNGROUPED)
        self.groups[ALL].children[UNGROUPED] = None
        self.groups[UNGROUPED].parents[ALL] = None

    def problem(self, position: Position, path: str, what: str, mend: str = "") -> None:
        """Note what is wrong."""
        self.problems.append(Problem(position, path, what, mend))

    def add_group(self, name: str) -> None:
        """Make sure that a group exists."""
        if name not in self.groups:
            self.groups[name] = GroupDraft(name)

    def add_host(self, name: str, group: str, port: Variable | None = None) -> None:
        """Put a host into a group; ``port`` counts where the host is named first, as in Ansible."""
        host = self.hosts.get(name)
        if host is None:
            host = self.hosts[name] = HostDraft(name, self.source)
            if port is not None:
                host.variables["ansible_port"] = port
        host.groups[group] = None
        self.groups[group].hosts[name] = None

    def add_child(self, parent: str, child: str, position: Position) -> None:
        """Put a group below another; a cycle is a problem."""
        if child == parent or parent in self.descendants(child):
            what = f"group '{child}' would be above and below '{parent}'"
            self.problem(position, parent, what, "remove one of the two")
            return
        self.groups[parent].children[child] = None
        self.groups[child].parents[parent] = None

    def set_group_variable(self, group: str, name: str, variable: Variable) -> None:
        """Set a variable of a group, or its priority."""
        if name != "ansible_group_priority":
            self.groups[group].variables[name] = variable
            return
        try:
            self.groups[group].priority = int(str(variable.value))
        except ValueError:
            what = f"'{variable.value}' is not a whole number"
            self.problem(variable.position, name, what)

    def set_host_variable(self, host: str, name: str, variable: Variable) -> None:
        """Set a variable of a host; of the group, if one has the host's name, as in Ansible."""
        if host in self.groups:
            self.set_group_variable(host, name, variable)
        else:
            self.hosts[host].variables[name] = variable

    def descendants(self, group: str) -> dict[str, None]:
        """Return all groups below a group, breadth first."""
        return dict.fromkeys(self._walk(group))

    def settle(self) -> None:
        """Put groups without parents below ``all``, and hosts without groups into ``ungrouped``."""
        for group in self.groups.values():
            if group.name != ALL and not group.parents:
                self.add_child(ALL, group.name, Position(self.source))
        ungrouped = self.groups[UNGROUPED]
        for host in self.hosts.values():
            if not host.groups.keys() - {ALL, UNGROUPED}:
                self.add_host(host.name, UNGROUPED)
            elif UNGROUPED in host.groups:
                del host.groups[UNGROUPED], ungrouped.hosts[host.name]

    def _walk(self, group: str) -> Iterator[str]:
        level, seen = [group], {group}
        while level:
            level = [child for name in level for child in self.groups[name].children]
            level = [name for name in dict.fromkeys(level) if name not in seen]
            seen.update(level)
            yield from level


class Structure:
    """The settled groups: who is in them, and in which order their variables merge."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._depths = self._measure()
        self._lines: dict[tuple[str, ...], tuple[str, ...]] = {}

    def members(self, group: str) -> tuple[str, ...]:
        """Return the hosts of a group, its own first, then those of its descendants."""
        names: dict[str, None] = {}
        for name in (group, *self._draft.descendants(group)):
            names.update(self._draft.groups[name].hosts)
        return tuple(names)

    def lineage(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        """Return ``groups`` and all above them but ``all``, in the order in which they merge.

        The later win: deeper groups over shallower, then higher ``ansible_group_priority``, then
        by name.
        """
        if groups not in self._lines:
            found = set(groups)
            level = found
            while level:
                level = {name for group in level for name in self._draft.groups[group].parents}
                level -= found
                found |= level
            self._lines[groups] = tuple(sorted(found - {ALL}, key=self._rank))
        return self._lines[groups]

    def _rank(self, name: str) -> tuple[int, int, str]:
        return self._depths[name], self._draft.groups[name].priority, name

    def _measure(self) -> dict[str, int]:
        """Return the length of the longest path from ``all`` to every group."""
        groups = self._draft.groups
        depths: dict[str, int] = {}
        waiting = {name: len(group.parents) for name, group in groups.items()}
        ready = [name for name, parents in waiting.items() if not parents]
        for name in ready:
            above = (depths[parent] for parent in groups[name].parents)
            depths[name] = max(above, default=-1) + 1
            for child in groups[name].children:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return depths
