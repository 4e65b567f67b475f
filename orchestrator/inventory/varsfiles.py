"""``group_vars/`` and ``host_vars/`` beside an inventory or a plan, found and read as Ansible does.

The variables of ``name`` are those of the first of ``name``, ``name.yml``, ``name.yaml`` and
``name.json`` that exists; of a folder, all files in it and below, in alphabetical order.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from orchestrator.errors import InventoryError, Problem
from orchestrator.inventory.document import parse
from orchestrator.inventory.location import read
from orchestrator.inventory.variables import Layer, Variable

_SUFFIXES = ("", ".yml", ".yaml", ".json")


class VariableFiles:
    """The files of variables beside one inventory or plan; each is read once."""

    def __init__(self, beside: Path, problems: list[Problem]) -> None:
        self._problems = problems
        self._folders = {kind: beside / kind for kind in ("group_vars", "host_vars")}
        self._names = {kind: _listing(folder) for kind, folder in self._folders.items()}
        self._read: dict[tuple[str, str], Layer] = {}

    def of_group(self, name: str) -> Layer:
        """Return the variables in ``group_vars/<name>``."""
        return self._of("group_vars", name)

    def of_host(self, name: str) -> Layer:
        """Return the variables in ``host_vars/<name>``."""
        return self._of("host_vars", name)

    def _of(self, kind: str, name: str) -> Layer:
        if not self._names[kind]:
            return {}
        if (kind, name) not in self._read:
            self._read[kind, name] = self._load(kind, name)
        return self._read[kind, name]

    def _load(self, kind: str, name: str) -> Layer:
        found = next((name + end for end in _SUFFIXES if name + end in self._names[kind]), None)
        merged: dict[str, Variable] = {}
        if found is not None:
            for path in _files(self._folders[kind] / found):
                merged |= self._file(path)
        return merged

    def _file(self, path: Path) -> dict[str, Variable]:
        try:
            document = parse(read(path, str(path)), str(path), self._problems)
        except InventoryError as error:
            self._problems.extend(error.problems)
            return {}
        root: yaml.Node | None = document.root
        return document.variables(root) if root else {}


def _listing(folder: Path) -> frozenset[str]:
    """Return the names in a folder, so that a look-up for each host costs no system call."""
    if not folder.is_dir():
        return frozenset()
    return frozenset(path.name for path in folder.iterdir())


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for item in sorted(path.iterdir()):
        if item.name.startswith(".") or item.name.endswith("~"):
            continue
        if item.is_dir() and not item.suffix:
            found += _files(item)
        elif item.is_file() and item.suffix in _SUFFIXES:
            found.append(item)
    return found
