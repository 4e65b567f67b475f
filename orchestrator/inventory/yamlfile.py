"""Ansible's YAML inventories: groups with ``hosts``, ``children`` and ``vars``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import yaml

from orchestrator.errors import InventoryError, Position, Problem
from orchestrator.inventory import addresses
from orchestrator.inventory.document import Document, Entry, parse
from orchestrator.inventory.draft import Draft
from orchestrator.inventory.location import Location
from orchestrator.inventory.variables import Variable
from orchestrator.registry import near_miss

_SUFFIXES = (".yml", ".yaml", ".json")
_NULL = "tag:yaml.org,2002:null"


class YamlSource:
    """A file named like YAML, or one without suffix that begins like YAML."""

    def accepts(self, location: Location) -> bool:
        """Return whether a source is a file of YAML or JSON."""
        if not location.is_file:
            return False
        suffix = location.path.suffix
        return suffix in _SUFFIXES or (not suffix and location.looks_like_yaml)

    def read(self, location: Location, draft: Draft) -> Iterable[str]:
        """Read a file into the draft."""
        document = parse(location.content, str(location), draft.problems)
        root = document.root
        if not isinstance(root, yaml.MappingNode):
            position = document.at(root) if root else Position(str(location))
            what = "an inventory is a mapping of groups"
            raise InventoryError(Problem(position, "", what, "begin with: all:"))
        reader = _Reader(document, draft)
        entries = document.entries(root)
        if any(entry.key == "plugin" for entry in entries):
            draft.problem(document.at(root), "plugin", "inventory plugins are not supported")
        else:
            for entry in entries:
                reader.group(entry)
        return ()


class _Reader:
    def __init__(self, document: Document, draft: Draft) -> None:
        self.document = document
        self.draft = draft

    def group(self, entry: Entry) -> str | None:
        """Read a group and all below it; return its name, if it has one."""
        name, node = entry.key, entry.node
        if not isinstance(name, str) or not name:
            what = f"the name {name!r} of a group is not text"
            self.draft.problem(entry.position, "", what, "quote it")
            return None
        self.draft.add_group(name)
        if isinstance(node, yaml.MappingNode):
            for section in self.document.entries(node):
                self._section(name, section)
        elif node.tag != _NULL:
            what = "a group is a mapping of hosts, children and vars"
            self.draft.problem(self.document.at(node), name, what, "nothing else may stand here")
        return name

    def _section(self, group: str, entry: Entry) -> None:
        path = f"{group}.{entry.key}"
        read = _SECTIONS.get(str(entry.key))
        if read is None:
            mend = near_miss(str(entry.key), _SECTIONS) or "use hosts, children or vars"
            self.draft.problem(entry.position, path, f"a group has no '{entry.key}'", mend)
            return
        node = entry.node
        if isinstance(node, yaml.MappingNode):
            for item in self.document.entries(node):
                read(self, group, item)
        elif isinstance(node, yaml.ScalarNode) and node.tag != _NULL and entry.key != "vars":
            # One name alone may stand without a mapping; Ansible takes it so.
            empty = yaml.ScalarNode(_NULL, "")
            read(self, group, Entry(self.document.value(node), self.document.at(node), empty))
        elif node.tag != _NULL:
            what = f"'{entry.key}' is a mapping, not a {_kind(node)}"
            mend = "end each name with ':' instead of beginning it with '-'"
            self.draft.problem(self.document.at(node), path, what, mend)

    def host(self, group: str, entry: Entry) -> None:
        """Read a host or a range of a group, with its variables."""
        if not isinstance(entry.key, str):
            what = f"the name {entry.key!r} of a host is not text"
            self.draft.problem(entry.position, f"{group}.hosts", what, "quote it")
            return
        try:
            names, number = addresses.hosts(entry.key)
        except ValueError as error:
            self.draft.problem(entry.position, f"{group}.hosts.{entry.key}", str(error))
            return
        port = None if number is None else Variable(number, entry.position)
        variables = self.document.variables(entry.node)
        for name in names:
            self.draft.add_host(name, group, port)
            for key, variable in variables.items():
                self.draft.set_host_variable(name, key, variable)

    def child(self, group: str, entry: Entry) -> None:
        """Read a group below a group."""
        child = self.group(entry)
        if child is not None:
            self.draft.add_child(group, child, entry.position)

    def variable(self, group: str, entry: Entry) -> None:
        """Read a variable of a group."""
        if not isinstance(entry.key, str):
            what = f"the name {entry.key!r} of a variable is not text"
            self.draft.problem(entry.position, f"{group}.vars", what, "quote it")
            return
        variable = Variable(self.document.value(entry.node), entry.position)
        self.draft.set_group_variable(group, entry.key, variable)


_SECTIONS: Mapping[str, Callable[[_Reader, str, Entry], None]] = {
    "hosts": _Reader.host,
    "children": _Reader.child,
    "vars": _Reader.variable,
}


def _kind(node: yaml.Node) -> str:
    return "list" if isinstance(node, yaml.SequenceNode) else "single value"
