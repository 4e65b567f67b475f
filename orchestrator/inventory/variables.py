"""The variables of a host: layers of inventory variables, rendered when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from orchestrator.errors import InventoryError, Position, Problem
from orchestrator.inventory.addresses import is_address
from orchestrator.inventory.templating import TemplateFault, is_template, render
from orchestrator.registry import near_miss

_MAGIC = ("inventory_hostname", "inventory_hostname_short", "group_names")


class Variable(NamedTuple):
    """A value as it was written, and where."""

    value: object
    position: Position


Layer = Mapping[str, Variable]


class HostVariables(Mapping[str, object]):
    """What is known of one host: its merged variables with all templates filled in.

    Holds ``inventory_hostname``, ``inventory_hostname_short`` and ``group_names`` besides. The
    templates see more: ``groups`` (name → hosts), ``inventory_file``, ``inventory_dir`` and
    ``playbook_dir``, which are not part of the mapping.

    A variable is rendered when it is first asked for; then a template that is invalid, names an
    undefined variable or, through others, itself raises InventoryError.
    """

    __slots__ = ("_ambient", "_groups", "_host", "_layers", "_rendered", "_underway")

    def __init__(
        self,
        host: str,
        groups: tuple[str, ...],
        layers: tuple[Layer, ...],
        ambient: Mapping[str, object],
    ) -> None:
        """``layers`` come with the strongest first; ``ambient`` is what templates see besides."""
        self._host = host
        self._groups = groups
        self._layers = layers
        self._ambient = ambient
        self._rendered: dict[str, object] | None = None
        self._underway: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> object:
        if name in _MAGIC:
            return self._magic(name)
        variable = self._find(name)
        if not is_template(variable.value):
            return variable.value
        try:
            return self._render(name, variable)
        except TemplateFault as fault:
            raise InventoryError(self._problem(fault)) from None

    def __contains__(self, name: object) -> bool:
        return name in _MAGIC or any(name in layer for layer in self._layers)

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys(_MAGIC)
        for layer in reversed(self._layers):
            names.update(dict.fromkeys(layer))
        return iter(names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups of the host, parents before children."""
        return self._groups

    def raw(self, name: str) -> Variable:
        """Return a variable as it was written; raises KeyError."""
        return self._find(name)

    def among(self, names: frozenset[str]) -> list[str]:
        """Return those of ``names`` that are set on this host."""
        return [name for layer in self._layers for name in names & layer.keys()]

    def _find(self, name: str) -> Variable:
        for layer in self._layers:
            if name in layer:
                return layer[name]
        raise KeyError(name)

    def _magic(self, name: str) -> object:
        if name == "group_names":
            return sorted(self._groups)
        if name == "inventory_hostname_short" and not is_address(self._host):
            return self._host.partition(".")[0]
        return self._host

    def _render(self, name: str, variable: Variable) -> object:
        if self._rendered is None:
            self._rendered = {}
        if name not in self._rendered:
            outer = self._underway
            self._underway = (*outer, name)
            try:
                if name in outer:
                    chain = " → ".join(self._underway[outer.index(name) :])
                    raise TemplateFault(f"the variable refers to itself: {chain}")
                self._rendered[name] = render(variable.value, self._lookup)
            except TemplateFault as fault:
                fault.variable = fault.variable or name
                raise
            finally:
                self._underway = outer
        return self._rendered[name]

    def _lookup(self, name: str) -> object:
        if name in _MAGIC:
            return self._magic(name)
        if name in self._ambient:
            return self._ambient[name]
        variable = self._find(name)
        return self._render(name, variable) if is_template(variable.value) else variable.value

    def _problem(self, fault: TemplateFault) -> Problem:
        mend = ""
        if fault.missing:
            known = [*self, *self._ambient]
            mend = near_miss(fault.missing, known) or "define it, or use | default(…)"
        return Problem(self._find(fault.variable).position, fault.variable, str(fault), mend)
