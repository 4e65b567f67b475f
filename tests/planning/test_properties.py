"""What holds of every plan, held against a slow and obvious graph with an edge for each pair."""

from __future__ import annotations

import networkx as nx
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.errors import PlanError
from orchestrator.model.plan import Cohort, Edge, EdgeKind
from orchestrator.model.wave import Wave
from tests.planning.fleets import EVERYONE, World, count, percent

PACKAGES = ("a", "b", "c")
HOSTS = tuple(f"h{index}" for index in range(9))
GROUPS = ("g", "h", "i", "j")

subsets = st.sets(st.sampled_from(HOSTS)).map(sorted).map(" ".join)
cohorts = st.lists(
    st.one_of(
        st.sampled_from(GROUPS).map(lambda group: Cohort(f"of-{group}", group)),
        st.integers(1, 60).map(lambda share: percent(f"share{share}", share)),
        st.integers(1, 4).map(lambda number: count(f"count{number}", number)),
    ),
    max_size=3,
    unique_by=lambda cohort: cohort.name,
)


def edges_of(names: tuple[str, ...], kind: EdgeKind) -> st.SearchStrategy[Edge]:
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(names))
    return pairs.filter(lambda pair: pair[0] != pair[1]).map(lambda pair: Edge(*pair, kind))


edges = st.lists(
    edges_of(PACKAGES, EdgeKind.PACKAGES)
    | edges_of(HOSTS, EdgeKind.HOSTS)
    | edges_of(GROUPS, EdgeKind.HOSTS),
    max_size=6,
)
worlds = st.builds(
    World,
    st.fixed_dictionaries(
        dict.fromkeys(HOSTS, st.sets(st.sampled_from(PACKAGES)).map(sorted).map(" ".join))
    ),
    st.fixed_dictionaries(dict.fromkeys(GROUPS, subsets)),
)


def obvious_graph(world: World, edges: list[Edge]) -> nx.DiGraph[str]:
    """Return the moving hosts with an edge for each pair that an order puts in order."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(host for host, packages in world.carried.items() if packages)
    for edge in edges:
        for one in graph:
            for two in graph:
                if orders_these(world, edge, one, two):
                    graph.add_edge(one, two)
    return graph


def orders_these(world: World, edge: Edge, one: str, two: str) -> bool:
    if edge.kind is EdgeKind.HOSTS:
        return one in world.select(edge.before) and two in world.select(edge.after)
    chain = [{edge.before}, {edge.before, edge.after}, {edge.after}]
    first, second = (chain_place(world.carried[host], chain) for host in (one, two))
    return -1 < first < second


def chain_place(carried: list[str], chain: list[set[str]]) -> int:
    """Return which part of an order's chain a host is in; -1 for none."""
    mine = {package for package in carried if any(package in part for part in chain)}
    return chain.index(mine) if mine else -1


def planned(world: World, edges: list[Edge], cohorts: list[Cohort]) -> tuple[Wave, ...]:
    return world.waves(edges, [*cohorts, EVERYONE], packages=PACKAGES)


@given(worlds, edges)
def test_a_plan_is_refused_exactly_when_hosts_wait_for_each_other(world, edges):
    acyclic = nx.is_directed_acyclic_graph(obvious_graph(world, edges))
    try:
        planned(world, edges, [])
    except PlanError:
        assert not acyclic
    else:
        assert acyclic


@given(worlds, edges, cohorts)
def test_waves_keep_every_promise(world, edges, cohorts):
    graph = obvious_graph(world, edges)
    assume(nx.is_directed_acyclic_graph(graph))
    waves = planned(world, edges, cohorts)
    wave_of = {host: index for index, wave in enumerate(waves) for host in wave.hosts}

    # every moving host is in exactly one wave, in declaration order; no wave is empty
    assert sorted(host for wave in waves for host in wave.hosts) == sorted(graph)
    declared = list(world.carried).index
    assert all([*wave.hosts] == sorted(wave.hosts, key=declared) != [] for wave in waves)
    assert len({wave.name for wave in waves}) == len(waves)

    # every order is respected
    assert all(wave_of[one] < wave_of[two] for one, two in graph.edges)

    # within a layer, cohorts come in the order declared, each as one wave
    layer = {
        host: depth
        for depth, hosts in enumerate(nx.topological_generations(graph))
        for host in hosts
    }
    place = {cohort.name: index for index, cohort in enumerate([*cohorts, EVERYONE])}
    cohort = {host: place[waves[index].cohort] for host, index in wave_of.items()}
    for one in graph:
        for two in graph:
            if layer[one] == layer[two]:
                assert (wave_of[one] < wave_of[two]) == (cohort[one] < cohort[two])

    # a wave comes before one of an earlier cohort only when an order demands it
    for index in range(1, len(waves)):
        if place[waves[index - 1].cohort] > place[waves[index].cohort]:
            pairs = ((one, two) for one in waves[index - 1].hosts for two in waves[index].hosts)
            assert any(graph.has_edge(*pair) for pair in pairs)


@given(worlds, edges, cohorts, st.randoms(use_true_random=False))
def test_the_membership_of_waves_does_not_depend_on_the_order_of_hosts(
    world, edges, cohorts, random
):
    assume(nx.is_directed_acyclic_graph(obvious_graph(world, edges)))
    items = list(world.carried.items())
    random.shuffle(items)
    shuffled = World(
        {host: " ".join(packages) for host, packages in items},
        {group: " ".join(hosts) for group, hosts in world.groups.items()},
    )
    found = planned(world, edges, cohorts)
    again = planned(shuffled, edges, cohorts)
    assert [(wave.name, {*wave.hosts}) for wave in found] == [
        (wave.name, {*wave.hosts}) for wave in again
    ]
