"""How long the waves of a large fleet take to plan, and how much memory.

    python bench/planning.py [HOSTS]

Two plans, each with four cohorts: *zones* orders three packages and, in each of 20 zones, gateways
after databases; *pairs* makes each host of a replica wait for its own primary, an order for every
two hosts. Time is measured alone first, then peak memory of planning (the fleet itself excluded).
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Mapping

from orchestrator.errors import Position
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
from orchestrator.planning import Carriers, package_order, plan_waves

HOSTS = 100_000
ZONES = 20
PLACE = Position("plan.yml", 1, 1)
PACKAGES = tuple(Package(name, on=name, bundle=Origin(name)) for name in ("agent", "db", "gateway"))
COHORTS = (
    Cohort("canary", hosts="canaries", bake=600.0),
    Cohort("early", share=Amount(10, percent=True)),
    Cohort("half", share=Amount(50, percent=True)),
    Cohort("everyone"),
)
ZONE_ORDERS = (
    Edge("agent", "db", EdgeKind.PACKAGES, PLACE),
    Edge("db", "gateway", EdgeKind.PACKAGES, PLACE),
    *(Edge(f"db{zone}", f"gateway{zone}", EdgeKind.HOSTS, PLACE) for zone in range(ZONES)),
)


def fleet_of(size: int) -> Fleet:
    """Return hosts of three roles in 20 zones; one in a thousand is a canary."""
    roles = ("db", "gateway", "gateway", "agent")
    return Fleet(
        tuple(
            Host(
                f"host{number:06}.example",
                Endpoint(f"host{number:06}.example"),
                (role, f"{role}{number % ZONES}", *(["canaries"] if number % 1000 < 4 else [])),
            )
            for number in range(size)
            for role in [roles[number // ZONES % len(roles)]]
        )
    )


def zones(fleet: Fleet) -> tuple[Plan, Mapping[str, tuple[str, ...]], Carriers]:
    """Return the plan of zones, its groups, and who carries what."""
    carriers = {package.name: frozenset(fleet.groups[package.name]) for package in PACKAGES}
    return plan_with(ZONE_ORDERS), fleet.groups, carriers


def pairs(fleet: Fleet) -> tuple[Plan, Mapping[str, tuple[str, ...]], Carriers]:
    """Return the plan of pairs, its groups, and who carries what."""
    names = [host.name for host in fleet]
    orders = (
        Edge(*pair, EdgeKind.HOSTS, PLACE) for pair in zip(names[::2], names[1::2], strict=True)
    )
    groups = {**{name: (name,) for name in names}, **fleet.groups}
    carriers = dict.fromkeys((package.name for package in PACKAGES), frozenset(names))
    return plan_with(tuple(orders)), groups, carriers


def plan_with(orders: tuple[Edge, ...]) -> Plan:
    policy = RolloutPolicy(cohorts=COHORTS)
    return Plan("bench", "plan.yml", "", (), "all", PACKAGES, orders, policy)


def main(size: int) -> None:
    for scenario in (zones, pairs):
        fleet = fleet_of(size)
        plan, groups, carriers = scenario(fleet)
        began = time.perf_counter()
        waves = plan_waves(plan, fleet, groups.__getitem__, carriers)
        package_order(plan)
        took = time.perf_counter() - began
        tracemalloc.start()
        plan_waves(plan, fleet, groups.__getitem__, carriers)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(
            f"{scenario.__name__:6} {size} hosts, {len(plan.edges)} orders, {len(waves)} waves: "
            f"{took:.2f} s, {peak / 2**20:.0f} MiB"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS)
