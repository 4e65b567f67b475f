"""Waves: which hosts move together, computed from cohorts and the graph.

The hosts of one cohort and one layer of the graph are a *block*, and each block becomes one wave.
Blocks are sorted cohort by cohort as far as the orders of the plan permit, and layer by layer where
they demand it: of the blocks that may come next, it is the one of the earliest cohort, and of that
the lowest layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise

from orchestrator.errors import PlanError
from orchestrator.model.fleet import Fleet
from orchestrator.model.plan import Cohort, Plan
from orchestrator.model.wave import Wave
from orchestrator.planning import nx
from orchestrator.planning.cohorts import Select, cohort_of_hosts, in_no_cohort
from orchestrator.planning.graph import Carriers, HostGraph, host_graph

Block = tuple[int, int]
"""Cohort, by its index in the plan; and layer of the graph."""


def plan_waves(plan: Plan, fleet: Fleet, select: Select, carriers: Carriers) -> tuple[Wave, ...]:
    """Return the waves of a plan, first to last; every host that carries a package is in one.

    Before a host's wave come those of all hosts that the plan orders before it (``graph``), and,
    among hosts of one layer, those of earlier cohorts (``cohorts``). A cohort that the graph splits
    has several waves; each of them bakes as long as the cohort says, so that a mistake shows before
    what depends on it moves. Hosts of a wave are in declaration order. No wave is empty.

    Raises PlanError when orders make a circle or hosts are in no cohort.
    """
    moving = fleet.only(host for hosts in carriers.values() for host in hosts)
    graph = host_graph(plan, moving, select, carriers)
    cohort_of = cohort_of_hosts(plan, moving, select)
    problems = [*graph.circular(plan), *in_no_cohort(plan, moving, cohort_of)]
    if problems:
        raise PlanError(*problems)
    blocks = _blocks(moving, cohort_of, graph.layers())
    in_order = ((plan.rollout.cohorts[block[0]], blocks[block]) for block in _sorted(blocks, graph))
    return tuple(_waves(in_order))


def empty_cohorts(plan: Plan, waves: Iterable[Wave]) -> tuple[str, ...]:
    """Return the names of the plan's cohorts that have none of these waves, as declared.

    No moving host matches their pattern, or earlier cohorts have taken all.
    """
    moving = {wave.cohort for wave in waves}
    return tuple(cohort.name for cohort in plan.rollout.cohorts if cohort.name not in moving)


def _blocks(
    moving: Fleet, cohort_of: Mapping[str, int], layer_of: Mapping[str, int]
) -> dict[Block, list[str]]:
    blocks: dict[Block, list[str]] = {}
    for host in moving.by_name:
        blocks.setdefault((cohort_of[host], layer_of.get(host, 0)), []).append(host)
    return blocks


def _sorted(blocks: Mapping[Block, Collection[str]], graph: HostGraph) -> list[Block]:
    """Return the blocks in the order in which they move.

    A link of the graph stands between blocks as (-1, its number): being lower than any block, it
    comes as soon as it may, and holds up none. There is no circle, for every edge leads to a
    higher layer, or to a later cohort of the same one.
    """
    if not graph.links:
        return sorted(blocks)
    before: nx.DiGraph[Block] = nx.DiGraph()
    before.add_nodes_from(blocks)
    by_layer = sorted(blocks, key=lambda block: (block[1], block[0]))
    before.add_edges_from(pair for pair in pairwise(by_layer) if pair[0][1] == pair[1][1])
    for block, hosts in blocks.items():
        for node in {graph.alike[host] for host in hosts if host in graph.alike}:
            for number, goes_before in graph.stands[node]:
                link = (-1, number)
                before.add_edge(*((block, link) if goes_before else (link, block)))
    return [block for block in nx.lexicographical_topological_sort(before) if block in blocks]


def _waves(blocks: Iterable[tuple[Cohort, Iterable[str]]]) -> Iterator[Wave]:
    seen: Counter[str] = Counter()
    for cohort, hosts in blocks:
        seen[cohort.name] += 1
        nth = seen[cohort.name]
        name = cohort.name if nth == 1 else f"{cohort.name}/{nth}"
        yield Wave(name, cohort.name, tuple(hosts), cohort.bake)
