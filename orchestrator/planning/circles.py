"""Circles: who waits for whom, round and round, and how that is told."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TypeVar

from orchestrator.errors import Problem
from orchestrator.model.plan import Edge, EdgeKind, Plan
from orchestrator.planning import nx

N = TypeVar("N", bound=Hashable)

_AS_WRITTEN = {
    EdgeKind.PACKAGES: "{0.before} before {0.after}",
    EdgeKind.HOSTS: "{{hosts: {0.after}, after: {0.before}}}",
}


def circles(graph: nx.DiGraph[N]) -> Iterator[list[N]]:
    """Yield one circle for each knot of nodes that wait for each other, in the graph's order.

    Each is a shortest one through the knot's first node, begins there, and names no node twice;
    its last node leads back to the first.
    """
    place = {node: index for index, node in enumerate(graph)}
    knots = (
        min(knot, key=place.__getitem__)
        for knot in nx.strongly_connected_components(graph)
        if len(knot) > 1 or any(graph.has_edge(node, node) for node in knot)
    )
    for first in sorted(knots, key=place.__getitem__):
        yield _shortest(graph, first)


def _shortest(graph: nx.DiGraph[N], start: N) -> list[N]:
    came_from = dict(nx.bfs_predecessors(graph, start))
    nearest_first = (start, *came_from)
    circle = [next(node for node in nearest_first if graph.has_edge(node, start))]
    while circle[-1] != start:
        circle.append(came_from[circle[-1]])
    return circle[::-1]


def circular_orders(plan: Plan, orders: Sequence[int], example: str = "") -> Problem:
    """Return the problem of these orders of the plan (by index), each of which leads to the next.

    ``example`` names hosts that would wait for each other.
    """
    edges = [plan.edges[order] for order in orders]
    what = f"these orders make a circle: {' → '.join(map(_told, edges))}"
    if example:
        what += f", for example {example}"
    mend = "remove one of them, or narrow it"
    return Problem(edges[0].position, f"order[{orders[0]}]", what, mend)


def _told(edge: Edge) -> str:
    return f"{_AS_WRITTEN[edge.kind].format(edge)} ({edge.position})"
