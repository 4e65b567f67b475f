"""The graph of hosts: who must have moved before whom.

An order of hosts makes every host of its ``before`` precede every host of its ``after``; no host
may be in both. An order of packages, ``a before b``, is a chain: hosts that carry a alone, then
those that carry both, then those that carry b alone. A host that carries both moves a first by
itself (see ``package_order``); it goes before those with b alone because they may use its a.
Orders speak of moving hosts: one that has none on either side asks for nothing.

Two neighbours in a chain, of n and m hosts, are joined by one node between them, a *link*, never by
n times m edges, and hosts that stand on the same sides of the same links share one node. So the
graph grows with the plan, not with the fleet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from orchestrator.errors import Problem
from orchestrator.model.fleet import Fleet
from orchestrator.model.plan import Edge, EdgeKind, Plan
from orchestrator.planning import nx
from orchestrator.planning.circles import circles, circular_orders
from orchestrator.planning.cohorts import Select

Carriers = Mapping[str, frozenset[str]]
"""Package name → the hosts of the fleet that carry it; every package of the plan is there."""

Node = int | str
"""A link, by its number; or hosts that are alike, by the name of the first."""

Stand = tuple[int, bool]
"""One side of a link: its number, and whether the side goes before."""


@dataclass(frozen=True)
class HostGraph:
    """The links of orders, and the hosts that they touch.

    ``links`` gives the order of each link, by its index in the plan. ``alike`` gives for each
    touched host the first one that stands on the same sides of the same links; that one's name is
    their common node. ``stands`` gives those sides for each such node.
    """

    links: Sequence[int]
    alike: Mapping[str, str]
    stands: Mapping[str, Sequence[Stand]]

    @cached_property
    def nodes(self) -> nx.DiGraph[Node]:
        """Return the graph of links and of hosts that are alike."""
        nodes: nx.DiGraph[Node] = nx.DiGraph()
        nodes.add_nodes_from(range(len(self.links)))
        for host, stands in self.stands.items():
            for link, goes_before in stands:
                nodes.add_edge(*((host, link) if goes_before else (link, host)))
        return nodes

    def layers(self) -> dict[str, int]:
        """Return for each touched host how many others must move before it, one after another.

        The graph must have no circle.
        """
        if not self.links:
            return {}
        layer: dict[Node, int] = {}
        for node in nx.topological_sort(self.nodes):
            earlier = max((layer[other] for other in self.nodes.pred[node]), default=0)
            layer[node] = earlier + 1 if isinstance(node, int) else earlier
        return {host: layer[node] for host, node in self.alike.items()}

    def circular(self, plan: Plan) -> Iterator[Problem]:
        """Yield a problem for each knot of orders by which hosts would wait for each other."""
        for circle in circles(self.nodes) if self.links else ():
            # the two links of one order follow each other, and are told as one
            orders = [*dict.fromkeys(self.links[node] for node in circle if isinstance(node, int))]
            hosts = [node for node in circle if isinstance(node, str)]
            if len(orders) == 1:
                yield _on_both_sides(plan, orders[0], hosts[0])
            else:
                # the circle begins with a link, before which its last host stands
                yield circular_orders(plan, orders, " → ".join([hosts[-1], *hosts]))


def host_graph(plan: Plan, moving: Fleet, select: Select, carriers: Carriers) -> HostGraph:
    """Return the graph of the moving hosts that orders of the plan touch."""
    links, stands = _linked(plan, moving, select, carriers)
    first: dict[tuple[Stand, ...], str] = {}
    alike = {
        host: first.setdefault(tuple(stands[host]), host)
        for host in moving.by_name
        if host in stands
    }
    return HostGraph(links, alike, {host: stands[host] for host in first.values()})


def _linked(
    plan: Plan, moving: Fleet, select: Select, carriers: Carriers
) -> tuple[list[int], dict[str, list[Stand]]]:
    """Return the order of each link, and where each touched host stands, as the plan has them."""
    links: list[int] = []
    stands: dict[str, list[Stand]] = defaultdict(list)
    for order, edge in enumerate(plan.edges):
        chain = (moving.by_name.keys() & hosts for hosts in _chain(edge, select, carriers))
        for before, after in pairwise(filter(None, chain)):
            for hosts, stand in ((before, (len(links), True)), (after, (len(links), False))):
                for host in hosts:
                    stands[host].append(stand)
            links.append(order)
    return links, stands


def _chain(edge: Edge, select: Select, carriers: Carriers) -> tuple[Collection[str], ...]:
    """Return the hosts of an order, first to last; each part may be empty."""
    if edge.kind is EdgeKind.HOSTS:
        return select(edge.before), select(edge.after)
    first, last = carriers[edge.before], carriers[edge.after]
    return first - last, first & last, last - first


def _on_both_sides(plan: Plan, order: int, host: str) -> Problem:
    edge = plan.edges[order]
    what = (
        f"host '{host}' is both in '{edge.after}' and in '{edge.before}': it cannot wait for itself"
    )
    mend = f"leave it out of one, as in '{edge.after}:!{host}'"
    return Problem(edge.position, f"order[{order}]", what, mend)
