"""YAML 1.1 documents as Ansible reads them in inventories: ``yes`` is true, ``0644`` octal.

Plans are read otherwise (``orchestrator.yamldoc``): there, such surprises do not bite; here,
an inventory must mean what it means to Ansible. Stricter in one thing: duplicate keys are errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import NamedTuple

import yaml

from orchestrator.errors import InventoryError, Position, Problem
from orchestrator.inventory.templating import Unsafe
from orchestrator.inventory.variables import Variable
from orchestrator.yamldoc.complaints import explain

_MERGE = "tag:yaml.org,2002:merge"
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][-+]?[0-9]+$")


class Entry(NamedTuple):
    """One key of a mapping, where it stands, and its value."""

    key: object
    position: Position
    node: yaml.Node


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.1 with Ansible's tags."""

    def __init__(self, text: str, document: Document) -> None:
        super().__init__(text)
        self.document = document

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """Build a mapping, noting duplicate keys."""
        self.document.note_duplicates(node)
        return dict(super().construct_mapping(node, deep))

    def construct_vault(self, node: yaml.Node) -> object:
        """Refuse an encrypted value."""
        what = "a value is encrypted with ansible-vault, which is not supported"
        raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)

    def construct_unsafe(self, node: yaml.ScalarNode) -> Unsafe:
        """Build a text that is no template."""
        return Unsafe(self.construct_scalar(node))


class _JsonLoader(_Loader):
    """JSON by the parser for YAML; numbers such as ``1e3`` are text in YAML 1.1 alone."""


for _tag in ("!vault", "!vault-encrypted"):
    _Loader.add_constructor(_tag, _Loader.construct_vault)
_Loader.add_constructor("!unsafe", _Loader.construct_unsafe)
_JsonLoader.add_implicit_resolver("tag:yaml.org,2002:float", _JSON_NUMBER, list("-0123456789"))


class Document:
    """One YAML or JSON file; values are built on demand, and what is wrong is collected."""

    def __init__(self, text: str, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self._checked: set[int] = set()
        self._text = text
        try:
            self._loader = (_JsonLoader if _is_json(text) else _Loader)(text, self)
            self.root: yaml.Node | None = self._loader.get_single_node()
        except yaml.YAMLError as error:
            raise InventoryError(self._syntax(error)) from None

    def entries(self, node: yaml.MappingNode) -> list[Entry]:
        """Return the keys of a mapping, merge keys (``<<``) resolved; notes duplicates."""
        self.note_duplicates(node)
        self._loader.flatten_mapping(node)
        entries = {}
        for key_node, value in node.value:
            key = self.value(key_node)
            if isinstance(key, Hashable):
                entries[key] = Entry(key, self.at(key_node), value)
        return list(entries.values())

    def variables(self, node: yaml.Node) -> dict[str, Variable]:
        """Return a mapping as variables; anything else is a problem."""
        if not isinstance(node, yaml.MappingNode):
            if self.value(node) is not None:
                self.problem(self.at(node), "", "variables are a mapping", "write name: value")
            return {}
        found: dict[str, Variable] = {}
        for entry in self.entries(node):
            if isinstance(entry.key, str):
                found[entry.key] = Variable(self.value(entry.node), entry.position)
            else:
                what = f"the name {entry.key!r} of a variable is not text"
                self.problem(entry.position, "", what, "quote it")
        return found

    def value(self, node: yaml.Node) -> object:
        """Return the Python value of a node."""
        try:
            return self._loader.construct_object(node, deep=True)
        except yaml.YAMLError as error:
            self.problems.append(self._syntax(error))
        except (ValueError, RecursionError) as error:
            self.problem(self.at(node), "", f"the value cannot be read: {error}", "quote it")
        return None

    def at(self, node: yaml.Node) -> Position:
        """Return where a node begins."""
        return Position(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def problem(self, position: Position, path: str, what: str, mend: str = "") -> None:
        """Note what is wrong."""
        self.problems.append(Problem(position, path, what, mend))

    def note_duplicates(self, node: yaml.MappingNode) -> None:
        """Note the keys that a mapping has twice."""
        if id(node) in self._checked:
            return
        self._checked.add(id(node))
        first: dict[object, int] = {}
        for node_of_key, _ in node.value:
            if not isinstance(node_of_key, yaml.ScalarNode) or node_of_key.tag == _MERGE:
                continue
            key = self.value(node_of_key)
            if key in first:
                what = f"key '{key}' is here for the second time, first at line {first[key]}"
                self.problem(self.at(node_of_key), "", what, "keep one of them")
            first[key] = node_of_key.start_mark.line + 1

    def _syntax(self, error: yaml.YAMLError) -> Problem:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        if mark is None:
            return Problem(Position(self.file), "", str(error).partition("\n")[0])
        position = Position(self.file, mark.line + 1, mark.column + 1)
        line = self._text.split("\n")[mark.line : mark.line + 1] or [""]
        said = getattr(error, "problem", None) or "this is not YAML"
        return Problem(position, "", *explain(said, line[0][mark.column : mark.column + 1]))


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def parse(content: bytes, file: str, problems: list[Problem]) -> Document:
    """Return the document in ``content``; raises InventoryError if it is not YAML at all."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        position = Position(file, line, error.start - content.rfind(b"\n", 0, error.start))
        what = "the file is not UTF-8"
        raise InventoryError(Problem(position, "", what, "save it as UTF-8")) from None
    return Document(text, file, problems)
