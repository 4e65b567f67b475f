"""From cohorts and the graph to waves, by example."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest

from orchestrator.model.plan import Cohort
from orchestrator.planning import empty_cohorts
from orchestrator.planning.graph import host_graph
from tests.planning.fleets import EVERYONE, World, at, orders, percent, plan_of, short

CANARY = Cohort("canary", "canaries", bake=600.0)

SITE = World(
    {"db1": "db", "db2": "db", "gw1": "gw", "gw2": "gw", "gw3": "gw", "other": "log"},
    {"canaries": "db1 gw1", "dbs": "db1 db2", "gws": "gw1 gw2 gw3", "nobody": ""},
)

EXAMPLES = [
    pytest.param((), [EVERYONE], ["everyone: db1 db2 gw1 gw2 gw3 other"], id="no order, one wave"),
    pytest.param(
        (),
        [CANARY, EVERYONE],
        ["canary: db1 gw1", "everyone: db2 gw2 gw3 other"],
        id="without orders waves are cohorts",
    ),
    pytest.param(
        orders("db before gw"),
        [EVERYONE],
        ["everyone: db1 db2 other", "everyone/2: gw1 gw2 gw3"],
        id="a package order splits a cohort",
    ),
    pytest.param(
        orders("dbs < gws"),
        [EVERYONE],
        ["everyone: db1 db2 other", "everyone/2: gw1 gw2 gw3"],
        id="a host order splits a cohort",
    ),
    pytest.param(
        orders("db1 < gw1", "db2 < gw2", "db2 < gw3"),
        [CANARY, EVERYONE],
        ["canary: db1", "canary/2: gw1", "everyone: db2 other", "everyone/2: gw2 gw3"],
        id="cohort by cohort where orders permit",
    ),
    pytest.param(
        orders("db before gw"),
        [CANARY, EVERYONE],
        ["canary: db1", "everyone: db2 other", "canary/2: gw1", "everyone/2: gw2 gw3"],
        id="layer by layer where orders demand it",
    ),
    pytest.param(
        orders("dbs < gws", "gws < other"),
        [EVERYONE],
        ["everyone: db1 db2", "everyone/2: gw1 gw2 gw3", "everyone/3: other"],
        id="orders chain",
    ),
    pytest.param(
        orders("db1 < gw1", "gw1 < other", "db1 < other"),
        [EVERYONE],
        ["everyone: db1 db2 gw2 gw3", "everyone/2: gw1", "everyone/3: other"],
        id="a layer counts the longest way",
    ),
    pytest.param(
        orders("nobody < gws", "dbs < nobody"),
        [EVERYONE],
        ["everyone: db1 db2 gw1 gw2 gw3 other"],
        id="an order without hosts on one side asks for nothing",
    ),
]


@pytest.mark.parametrize(("edges", "cohorts", "expected"), EXAMPLES)
def test_waves_by_example(edges, cohorts, expected):
    assert short(SITE.waves(edges, cohorts)) == expected


def test_every_wave_of_a_cohort_bakes():
    waves = SITE.waves(orders("db before gw"), [CANARY, EVERYONE])
    assert {wave.name: wave.bake for wave in waves} == {
        "canary": 600.0,
        "everyone": 0.0,
        "canary/2": 600.0,
        "everyone/2": 0.0,
    }


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        (
            {"both": "a b", "only_b": "b", "only_a": "a", "both2": "a b"},
            ["everyone: only_a", "everyone/2: both both2", "everyone/3: only_b"],
        ),
        ({"both": "a b", "only_a": "a"}, ["everyone: only_a", "everyone/2: both"]),
        ({"only_b": "b", "both": "a b"}, ["everyone: both", "everyone/2: only_b"]),
        ({"only_b": "b", "only_a": "a"}, ["everyone: only_a", "everyone/2: only_b"]),
        ({"both": "a b", "both2": "a b", "other": ""}, ["everyone: both both2"]),
    ],
)
def test_hosts_with_both_packages_move_between_those_with_one(carried, expected):
    assert short(World(carried).waves(orders("a before b"), packages="ab")) == expected


def test_the_links_of_an_order_grow_with_the_plan_not_with_the_fleet():
    carried = {f"h{index}": ("a", "a b", "b")[index % 3] for index in range(300)}
    world = World(carried)
    plan = plan_of("ab", orders("a before b"))
    nodes = host_graph(plan, world.fleet, world.select, world.carriers("ab")).nodes
    assert (len(nodes), nodes.size()) == (5, 4)


def test_an_order_of_hosts_that_do_not_move_asks_for_nothing():
    world = World({"db": "", "gw": "app"})
    assert short(world.waves(orders("db < gw"))) == ["everyone: gw"]


CIRCLES = [
    pytest.param(
        {"x": "a", "y": "b"},
        orders("a before b", "b before a"),
        "plan.yml:41:5: order[0]: these orders make a circle: a before b (plan.yml:41:5) → "
        "b before a (plan.yml:42:5), for example x → y → x; remove one of them, or narrow it",
        id="two ways",
    ),
    pytest.param(
        {"x": "a d", "y": "b c"},
        orders("a before b", "c before d"),
        "plan.yml:41:5: order[0]: these orders make a circle: a before b (plan.yml:41:5) → "
        "c before d (plan.yml:42:5), for example x → y → x; remove one of them, or narrow it",
        id="packages without a circle, on hosts that make one",
    ),
    pytest.param(
        {"app": "b", "all": "a b", "data": "a"},
        orders("a before b", "app < data"),
        "plan.yml:41:5: order[0]: these orders make a circle: a before b (plan.yml:41:5) → "
        "{hosts: data, after: app} (plan.yml:42:5), for example data → all → app → data; "
        "remove one of them, or narrow it",
        id="round all three parts of a package order",
    ),
    pytest.param(
        {"all": "a b c", "y": "b"},
        orders("a before b", "b before c"),
        "plan.yml:41:5: order[0]: these orders make a circle: a before b (plan.yml:41:5) → "
        "b before c (plan.yml:42:5), for example all → y → all; remove one of them, or narrow it",
        id="a host with the middle of three packages, beside one with all",
    ),
    pytest.param(
        {"x": "a", "y": "b", "z": "c", "free": "a"},
        orders("free < x", "a before b", "y < z", "z < x"),
        "plan.yml:42:5: order[1]: these orders make a circle: a before b (plan.yml:42:5) → "
        "{hosts: z, after: y} (plan.yml:43:5) → {hosts: x, after: z} (plan.yml:44:5), "
        "for example x → y → z → x; remove one of them, or narrow it",
        id="three of four orders, of both kinds",
    ),
    pytest.param(
        {"x": "a", "y": "a"},
        orders("x < all"),
        "plan.yml:41:5: order[0]: host 'x' is both in 'all' and in 'x': it cannot wait for itself; "
        "leave it out of one, as in 'all:!x'",
        id="a host on both sides",
    ),
]


@pytest.mark.parametrize(("carried", "edges", "problem"), CIRCLES)
def test_circles_are_told_in_the_terms_of_the_plan(carried, edges, problem):
    assert World(carried).refused(edges) == [problem]


def test_all_problems_are_reported_at_once():
    world = World(dict.fromkeys("uvxyz", "app"))
    edges = orders("u < v", "v < u", "v < x", "x < y", "y < x", "z < z")
    problems = world.refused(edges, [Cohort("canary", "u", position=at(7))])
    assert [problem.split(": ")[1] for problem in problems] == [
        "order[0]",
        "order[3]",
        "order[5]",
        "rollout.cohorts",
    ]


def test_a_knot_is_told_by_its_shortest_circle():
    names = ["far", "near", "a", *(f"n{index}" for index in range(50)), "far"]
    long_way = [f"{one} < {two}" for one, two in pairwise(names[2:])]
    world = World(dict.fromkeys(names, "app"), {"both": "far near"})
    [problem] = world.refused(orders("both < a", *long_way, "a < near"))
    assert "for example near → a → near;" in problem


def test_a_cohort_waits_for_earlier_ones_of_its_layer():
    world = World(dict.fromkeys("pqxyz", "app"), {"canaries": "q x", "early": "y z"})
    cohorts = [Cohort("canary", "canaries"), Cohort("early", "early"), EVERYONE]
    assert short(world.waves(orders("p < x", "q < y"), cohorts)) == [
        "canary: q",
        "early: z",
        "everyone: p",
        "canary/2: x",
        "early/2: y",
    ]


def test_cohorts_without_a_wave_are_named():
    cohorts = [CANARY, Cohort("void", "nobody"), Cohort("dbs", "dbs"), EVERYONE, Cohort("late")]
    waves = SITE.waves(orders("db before gw"), cohorts)
    assert empty_cohorts(plan_of(cohorts=cohorts), waves) == ("void", "late")
    assert empty_cohorts(plan_of(cohorts=[CANARY, EVERYONE]), waves) == ()


PROGRAM = """
from tests.planning.fleets import *
hosts = {f"host{n}": "db" if n % 3 else "gw" for n in range(60)}
world = World(hosts, {"early": " ".join(list(hosts)[:7])})
edges = orders("db before gw", "host4 < host5", "host5 < host9", "host9 < host30")
cohorts = [Cohort("first", "early"), percent("some", 20), count("few", 5), EVERYONE]
print(short(world.waves(edges, cohorts)))
print(world.refused(orders("db before gw", "gw before db", "host1 < host2", "host2 < host1")))
"""


def test_the_result_does_not_depend_on_the_seed_of_hashes():
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1
    assert "first: " in printed.pop()


def test_shares_and_the_graph_together():
    world = World({f"host{index}": "db" if index < 4 else "gw" for index in range(12)})
    cohorts = [percent("early", 50), EVERYONE]
    waves = world.waves(orders("db before gw"), cohorts)
    assert [wave.name for wave in waves] == ["early", "everyone", "early/2", "everyone/2"]
    assert sum(len(wave.hosts) for wave in waves if wave.cohort == "early") == 6
