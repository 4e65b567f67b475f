"""Sources → hosts: read, settle, merge the variables, and find how each host is reached."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from orchestrator.errors import InventoryError, Position, Problem
from orchestrator.inventory import sources as kinds
from orchestrator.inventory.draft import ALL, Draft, HostDraft, Structure
from orchestrator.inventory.endpoints import ConnectionDefaults, endpoint
from orchestrator.inventory.location import Location
from orchestrator.inventory.patterns import BadTerm, Patterns, split
from orchestrator.inventory.recovery import recovery
from orchestrator.inventory.selection import Inventory
from orchestrator.inventory.variables import HostVariables, Layer, Variable
from orchestrator.inventory.varsfiles import VariableFiles
from orchestrator.model.fleet import Host

_NO_VARIABLES: Mapping[str, object] = MappingProxyType({})
_DEFAULTS = ConnectionDefaults()


def load(
    sources: Sequence[str],
    *,
    extra_vars: Mapping[str, object] = _NO_VARIABLES,
    plan_dir: Path | None = None,
    defaults: ConnectionDefaults = _DEFAULTS,
    wanted: str = ALL,
) -> Inventory:
    """Return all hosts of the sources, in the order in which these name them first.

    ``extra_vars`` (``-e``) win over all variables; ``plan_dir`` is the folder of the plan, whose
    ``group_vars`` and ``host_vars`` win over those beside the inventory. Hosts outside the
    pattern ``wanted`` that cannot be reached over SSH are left out instead of being problems.

    Raises InventoryError with all problems of all sources.
    """
    draft = Draft()
    for source in sources:
        kinds.read(source, draft)
    draft.settle()
    _stop(draft.problems)
    assembly = _Assembly(draft, sources, extra_vars, plan_dir)
    variables = {name: assembly.variables(host) for name, host in draft.hosts.items()}
    _stop(draft.problems)
    return assembly.inventory(variables, defaults, wanted)


def _stop(problems: Sequence[Problem]) -> None:
    if problems:
        raise InventoryError(*dict.fromkeys(problems))


class _Assembly:
    """Joins what the sources, the files of variables and the flags say."""

    def __init__(
        self,
        draft: Draft,
        sources: Sequence[str],
        extra_vars: Mapping[str, object],
        plan_dir: Path | None,
    ) -> None:
        self._draft = draft
        self._structure = Structure(draft)
        self._plan_dir = plan_dir
        at = Position("extra variables")
        self._extra = {name: Variable(value, at) for name, value in extra_vars.items()}
        self._beside = list(_beside(sources, draft.problems))
        self._plan = [VariableFiles(plan_dir, draft.problems)] if plan_dir else []
        self._group_layers: dict[tuple[str, ...], Layer] = {}
        self._ambient: dict[str, Mapping[str, object]] = {}

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Return the hosts of every group."""
        return {name: self._structure.members(name) for name in self._draft.groups}

    def variables(self, host: HostDraft) -> HostVariables:
        """Return all variables of a host."""
        groups = self._structure.lineage(tuple(host.groups))
        layers = (self._extra, self._host_layer(host), self._group_layer(groups))
        ambient = self._ambient_of(host.source)
        return HostVariables(host.name, groups, tuple(filter(None, layers)), ambient)

    def inventory(
        self, variables: Mapping[str, HostVariables], defaults: ConnectionDefaults, wanted: str
    ) -> Inventory:
        """Return the hosts with their endpoints."""
        hosts: list[Host] = []
        troubled: dict[str, InventoryError] = {}
        for name, known in variables.items():
            try:
                reached = endpoint(name, known, defaults)
                spare = recovery(known, reached)
            except InventoryError as error:
                troubled[name] = error
            else:
                hosts.append(Host(name, reached, known.groups, known, spare))
        patterns = Patterns(list(self._draft.hosts), self.groups)
        if troubled:
            _stop(_summary(troubled, _selected(patterns, wanted)))
        return Inventory(tuple(hosts), self._without(troubled), patterns)

    def _without(self, left_out: Container[str]) -> Mapping[str, tuple[str, ...]]:
        return {
            group: tuple(name for name in names if name not in left_out)
            for group, names in self.groups.items()
        }

    def _group_layer(self, groups: tuple[str, ...]) -> Layer:
        """Merge the variables of groups, weakest first: Ansible's VARIABLE_PRECEDENCE."""
        if groups not in self._group_layers:
            merged: dict[str, Variable] = dict(self._draft.groups[ALL].variables)
            for name in groups:
                merged |= self._draft.groups[name].variables
            for names in ((ALL,), groups):
                for files in (*self._beside, *self._plan):
                    for name in names:
                        merged |= files.of_group(name)
            self._group_layers[groups] = merged
        return self._group_layers[groups]

    def _host_layer(self, host: HostDraft) -> Layer:
        merged = host.variables
        for files in (*self._beside, *self._plan):
            merged = {**merged, **files.of_host(host.name)}
        return merged

    def _ambient_of(self, source: str) -> Mapping[str, object]:
        """Return what templates of the hosts of a source see besides variables."""
        if source not in self._ambient:
            ambient: dict[str, object] = {"groups": self.groups, "inventory_file": source}
            path = Location(source).path.absolute()
            if path.exists():
                ambient["inventory_file"] = str(path)
                ambient["inventory_dir"] = str(path.parent)
            if self._plan_dir:
                ambient["playbook_dir"] = str(self._plan_dir.absolute())
            self._ambient[source] = ambient
        return self._ambient[source]


def _beside(sources: Sequence[str], problems: list[Problem]) -> Iterator[VariableFiles]:
    for source in sources:
        location = Location(source)
        if location.exists:
            folder = location.path if location.is_folder else location.path.parent
            yield VariableFiles(folder, problems)


def _selected(patterns: Patterns, pattern: str) -> frozenset[str]:
    """Return what a pattern selects; whoever applies it will say what is wrong with it."""
    try:
        return frozenset(patterns.evaluate(split(pattern)).names)
    except BadTerm:
        return frozenset()


def _summary(troubled: Mapping[str, InventoryError], wanted: frozenset[str]) -> list[Problem]:
    """Return every problem once, however many hosts have it."""
    hosts: dict[Problem, list[str]] = {}
    for name, error in troubled.items():
        if name in wanted:
            for problem in error.problems:
                hosts.setdefault(problem, []).append(name)
    return [_of_hosts(problem, names) for problem, names in hosts.items()]


def _of_hosts(problem: Problem, names: Sequence[str]) -> Problem:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    what = f"host {names[0]}{more}: {problem.what}"
    return Problem(problem.position, problem.path, what, problem.mend)
