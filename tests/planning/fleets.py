"""Small fleets and plans for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from orchestrator.errors import PlanError, Position
from orchestrator.model.fleet import Endpoint, Fleet, Host
from orchestrator.model.plan import (
    Amount,
    Cohort,
    Edge,
    EdgeKind,
    Origin,
    Package,
    Plan,
    RolloutPolicy,
)
from orchestrator.model.wave import Wave
from orchestrator.planning import plan_waves

EVERYONE = Cohort("everyone", position=Position("plan.yml", 99, 5))


def at(line: int) -> Position:
    return Position("plan.yml", line, 5)


def fleet_of(names: Sequence[str]) -> Fleet:
    return Fleet(tuple(Host(name, Endpoint(name)) for name in names))


def percent(name: str, value: float, hosts: str | None = None) -> Cohort:
    return Cohort(name, hosts, Amount(value, percent=True))


def count(name: str, value: int, hosts: str | None = None) -> Cohort:
    return Cohort(name, hosts, Amount(value))


def orders(*texts: str) -> tuple[Edge, ...]:
    """Return orders on lines 41, 42 …: ``a before b`` (packages) or ``g < h`` (hosts)."""
    return tuple(_order(text, at(41 + index)) for index, text in enumerate(texts))


def _order(text: str, position: Position) -> Edge:
    before, word, after = text.split()
    kind = EdgeKind.PACKAGES if word == "before" else EdgeKind.HOSTS
    return Edge(before, after, kind, position)


def plan_of(
    packages: Sequence[str] = ("app",),
    edges: Sequence[Edge] = (),
    cohorts: Sequence[Cohort] = (EVERYONE,),
    name: str = "demo",
) -> Plan:
    return Plan(
        name=name,
        source="plan.yml",
        digest="",
        inventory=(),
        hosts="all",
        packages=tuple(Package(name, on=name, bundle=Origin(name)) for name in packages),
        edges=tuple(edges),
        rollout=RolloutPolicy(cohorts=tuple(cohorts)),
    )


class World:
    """A fleet written as ``host: packages``, and groups written as ``group: hosts``.

    Patterns are ``all``, a group, or a host.
    """

    def __init__(self, carried: Mapping[str, str], groups: Mapping[str, str] | None = None) -> None:
        self.fleet = fleet_of([*carried])
        self.carried = {host: packages.split() for host, packages in carried.items()}
        self.groups = {group: hosts.split() for group, hosts in (groups or {}).items()}
        names = sorted({package for packages in self.carried.values() for package in packages})
        self.packages = names

    def select(self, pattern: str) -> list[str]:
        chosen = [*self.carried] if pattern == "all" else self.groups.get(pattern, [pattern])
        return [host for host in self.carried if host in chosen]

    def carriers(self, packages: Sequence[str]) -> dict[str, frozenset[str]]:
        return {
            package: frozenset(host for host, has in self.carried.items() if package in has)
            for package in packages
        }

    def waves(
        self,
        edges: Sequence[Edge] = (),
        cohorts: Sequence[Cohort] = (EVERYONE,),
        name: str = "demo",
        packages: Sequence[str] = (),
    ) -> tuple[Wave, ...]:
        plan = plan_of(packages or self.packages, edges, cohorts, name)
        carriers = self.carriers(packages or self.packages)
        return plan_waves(plan, self.fleet, self.select, carriers)

    def refused(self, *args: Sequence[Edge] | Sequence[Cohort]) -> list[str]:
        with pytest.raises(PlanError) as caught:
            self.waves(*args)  # type: ignore[arg-type]
        return [str(problem) for problem in caught.value.problems]


def short(waves: Sequence[Wave]) -> list[str]:
    """Return each wave as ``name: host host``."""
    return [f"{wave.name}: {' '.join(wave.hosts)}" for wave in waves]
