"""What one host does one after another: its packages, and the steps of each.

Ties are broken by declaration order. The loader has made sure that every name is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.errors import PlanError, Problem
from orchestrator.model.plan import EdgeKind, Package, Plan, Step
from orchestrator.planning import nx
from orchestrator.planning.circles import circles, circular_orders


def package_order(plan: Plan) -> tuple[Package, ...]:
    """Return the packages of a plan in the order in which a host moves those that it carries.

    Raises PlanError when they wait for each other, with the orders that make it so.
    """
    orders = {
        (edge.before, edge.after): index
        for index, edge in enumerate(plan.edges)
        if edge.kind is EdgeKind.PACKAGES
    }
    if not orders:
        return plan.packages
    packages = {package.name: package for package in plan.packages}
    graph = _graph(packages, orders)
    problems = [
        circular_orders(plan, [orders[pair] for pair in _onwards(circle)])
        for circle in circles(graph)
    ]
    if problems:
        raise PlanError(*problems)
    return tuple(packages[name] for name in _sorted(graph))


def step_order(package: Package) -> tuple[Step, ...]:
    """Return the steps of a package in the order in which a host does them.

    Raises PlanError when they wait for each other, with the steps that make it so.
    """
    if not any(step.after for step in package.steps):
        return package.steps
    steps = {step.name: step for step in package.steps}
    graph = _graph(steps, ((other, step.name) for step in package.steps for other in step.after))
    problems = [
        _circular_steps(package, [(before, steps[name]) for before, name in _onwards(circle)])
        for circle in circles(graph)
    ]
    if problems:
        raise PlanError(*problems)
    return tuple(steps[name] for name in _sorted(graph))


def _circular_steps(package: Package, waits: Sequence[tuple[str, Step]]) -> Problem:
    told = (f"{step.name} after {other} ({step.position})" for other, step in waits)
    what = f"these steps make a circle: {' → '.join(told)}"
    mend = "break it in one 'after'"
    return Problem(waits[0][1].position, f"packages.{package.name}.steps", what, mend)


def _graph(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> nx.DiGraph[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(pairs)
    return graph


def _sorted(graph: nx.DiGraph[str]) -> Iterable[str]:
    declared = {name: index for index, name in enumerate(graph)}
    return nx.lexicographical_topological_sort(graph, key=declared.__getitem__)


def _onwards(circle: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Return each name of a circle with the one that follows it."""
    return zip(circle, [*circle[1:], circle[0]], strict=True)
