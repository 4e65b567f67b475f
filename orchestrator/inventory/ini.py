"""Ansible's INI inventories: ``[group]``, ``[group:children]`` and ``[group:vars]``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.errors import Position
from orchestrator.inventory import addresses
from orchestrator.inventory.draft import UNGROUPED, Draft
from orchestrator.inventory.literals import literal
from orchestrator.inventory.location import Location
from orchestrator.inventory.variables import Variable
from orchestrator.registry import near_miss

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")

# Lines without backslashes and comments, which need no shlex: it takes ten times as long. Each text
# matches in one way only, so that a mismatch is found without going back; possessive quantifiers
# would say so, but Python 3.11 before 3.11.5 gets them wrong.
_WORD = r"""(?:[^ \t\r\n"'\\#]|"[^"\\]*"|'[^']*')+"""
_WORDS = re.compile(rf"{_WORD}(?:[ \t]+{_WORD})*[ \t]*")
_ONE_WORD = re.compile(_WORD)
_QUOTED = re.compile(r"""(["'])(.*?)\1""")


class IniSource:
    """A file that is no YAML; Ansible, too, takes it for INI."""

    def accepts(self, location: Location) -> bool:
        """Return whether this is a file; others have had their chance."""
        return location.is_file

    def read(self, location: Location, draft: Draft) -> Iterable[str]:
        """Read a file into the draft."""
        reader = _Reader(str(location), draft)
        for number, line in enumerate(location.lines(draft), 1):
            reader.line(number, line)
        reader.finish()
        return ()


def words(line: str) -> list[str]:
    """Split a line as a shell would, without its comment; raises ValueError."""
    if not _WORDS.fullmatch(line):
        return shlex.split(line, comments=True)
    return [_QUOTED.sub(r"\2", word) for word in _ONE_WORD.findall(line)]


@dataclass(slots=True)
class _Pending:
    """A group that was used, and not yet declared; ``parents`` await it as a child."""

    position: Position
    what: str
    parents: list[str]


class _Reader:
    def __init__(self, file: str, draft: Draft) -> None:
        self.file = file
        self.draft = draft
        self.group = UNGROUPED
        self.state = "hosts"
        self.pending: dict[str, _Pending] = {}

    def line(self, number: int, raw: str) -> None:
        """Read one line."""
        line = raw.strip()
        if not line or line[0] in "#;":
            return
        at = Position(self.file, number, len(raw) - len(raw.lstrip()) + 1)
        section = _SECTION.fullmatch(line)
        if section:
            self._section(section[1], section[2] or "hosts", at)
        elif line[0] == "[" and line[-1] == "]":
            what = f"'{line}' is not a section"
            mend = "write [group], [group:children] or [group:vars], without spaces"
            self.draft.problem(at, "", what, mend)
        elif self.state in _STATES:
            _STATES[self.state](self, line, at)

    def finish(self) -> None:
        """Report what was used and never declared."""
        known = [name for name in self.draft.groups if name not in self.pending]
        for name, pending in self.pending.items():
            mend = near_miss(name, known) or f"add a section [{name}]"
            self.draft.problem(pending.position, name, pending.what, mend)

    def _section(self, group: str, state: str, at: Position) -> None:
        self.group, self.state = group, state
        if state not in _STATES:
            what = f"section [{group}:{state}] has the unknown type '{state}'"
            self.draft.problem(at, group, what, near_miss(state, _STATES) or "use children or vars")
            return
        if state == "vars" and group not in self.draft.groups:
            what = f"[{group}:vars] stands for a group that is not defined"
            self.pending.setdefault(group, _Pending(at, what, []))
        self.draft.add_group(group)
        if state != "vars" and group in self.pending:
            for parent in self.pending.pop(group).parents:
                self.draft.add_child(parent, group, at)

    def host(self, line: str, at: Position) -> None:
        """Read a line of ``[group]``: a host or a range, and variables."""
        tokens = self._tokens(line, at)
        if not tokens:
            return
        if tokens[0].strip() == "---":
            self.draft.problem(at, "", "'---' begins a YAML file", "name the file *.yml")
            return
        try:
            names, number = addresses.hosts(tokens[0])
        except ValueError as error:
            self.draft.problem(at, tokens[0], str(error))
            return
        port = None if number is None else Variable(number, at)
        for name in names:
            self.draft.add_host(name, self.group, port)
        self._host_variables(names, tokens[1:], line, at)

    def _host_variables(self, names: list[str], tokens: list[str], line: str, at: Position) -> None:
        for token in tokens:
            key, equals, text = token.partition("=")
            column = max(line.find(f"{key}{equals}"), 0)
            place = Position(self.file, at.line, at.column + column)
            if not equals:
                self.draft.problem(place, "", f"'{token}' is not a variable", "write name=value")
                continue
            variable = self._value(key, text, place)
            for name in names:
                self.draft.set_host_variable(name, key, variable)

    def variable(self, line: str, at: Position) -> None:
        """Read a line of ``[group:vars]``."""
        key, equals, text = (part.strip() for part in line.partition("="))
        if not equals:
            self.draft.problem(at, "", f"'{line}' is not a variable", "write name = value")
            return
        self.draft.set_group_variable(self.group, key, self._value(key, text, at))

    def child(self, line: str, at: Position) -> None:
        """Read a line of ``[group:children]``."""
        found = _GROUP.fullmatch(line)
        if not found:
            self.draft.problem(at, self.group, f"'{line}' is not the name of a group")
        elif found[1] in self.draft.groups:
            self.draft.add_child(self.group, found[1], at)
        else:
            what = f"[{self.group}:children] names the group '{found[1]}' that is not defined"
            self.pending.setdefault(found[1], _Pending(at, what, [])).parents.append(self.group)

    def _tokens(self, line: str, at: Position) -> list[str]:
        try:
            return words(line)
        except ValueError as error:
            self.draft.problem(at, "", f"the line cannot be split: {str(error).lower()}")
            return []

    def _value(self, name: str, text: str, at: Position) -> Variable:
        try:
            return Variable(literal(text), at)
        except ValueError as error:
            self.draft.problem(at, name, f"the value cannot be read: {error}", "quote it")
            return Variable(text, at)


_STATES: Mapping[str, Callable[[_Reader, str, Position], None]] = {
    "hosts": _Reader.host,
    "vars": _Reader.variable,
    "children": _Reader.child,
}
