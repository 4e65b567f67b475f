"""Who is in which cohort: patterns, shares, counts, the rest, and no cohort at all."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.plan import Cohort
from orchestrator.planning.cohorts import cohort_of_hosts, place_in_queue
from tests.planning.fleets import EVERYONE, World, at, count, fleet_of, percent, plan_of, short


def hosts(number: int) -> list[str]:
    return [f"host{index}" for index in range(number)]


def queue(names: list[str], plan: str = "demo") -> list[str]:
    return sorted(names, key=lambda host: place_in_queue(plan, host))


def carrying(names: list[str], **groups: str) -> World:
    return World(dict.fromkeys(names, "app"), groups)


@pytest.mark.parametrize(
    ("size", "cohorts", "sizes"),
    [
        (100, [EVERYONE], [100]),
        (100, [percent("early", 10), EVERYONE], [10, 90]),
        (101, [percent("early", 10), EVERYONE], [11, 90]),
        (3, [percent("early", 10), EVERYONE], [1, 2]),
        # each percentage is of all hosts, not of what is left
        (100, [percent("early", 10), percent("half", 50), EVERYONE], [10, 50, 40]),
        (10, [percent("most", 80), percent("half", 50), EVERYONE], [8, 2]),
        (10, [count("one", 1), percent("early", 25), EVERYONE], [1, 3, 6]),
        (2, [count("five", 5), EVERYONE], [2]),
        (1, [percent("early", 10), EVERYONE], [1]),
    ],
)
def test_sizes_by_example(size, cohorts, sizes):
    waves = carrying(hosts(size)).waves(cohorts=cohorts)
    assert [len(wave.hosts) for wave in waves] == sizes


def test_shares_take_from_the_front_of_the_queue_and_waves_list_hosts_as_declared():
    names = hosts(20)
    cohorts = [percent("early", 10), count("five", 5), EVERYONE]
    early, five, rest = carrying(names).waves(cohorts=cohorts)
    line = queue(names)
    for wave, members in ((early, line[:2]), (five, line[2:7]), (rest, line[7:])):
        assert wave.hosts == tuple(host for host in names if host in members)


def test_a_pattern_takes_what_earlier_cohorts_left():
    world = carrying(["a", "b", "c", "d"], canaries="b", wide="a b c")
    cohorts = [Cohort("canary", "canaries"), Cohort("wide", "wide"), EVERYONE]
    assert short(world.waves(cohorts=cohorts)) == ["canary: b", "wide: a c", "everyone: d"]


def test_a_share_of_a_pattern_counts_those_of_the_pattern_alone_taken_or_not():
    names = hosts(40)
    world = carrying(names, west=" ".join(names[:20]), canaries="host0 host1 host30")
    cohorts = [Cohort("canary", "canaries"), percent("west", 25, "west"), EVERYONE]
    waves = {wave.cohort: wave.hosts for wave in world.waves(cohorts=cohorts)}
    assert {*waves["west"]} == {*queue(names[2:20])[:5]}


def test_hosts_that_carry_nothing_neither_move_nor_count():
    world = World({"a": "app", "b": "", "c": "app", "d": ""}, {"canaries": "a b"})
    cohorts = [Cohort("canary", "canaries"), percent("half", 50), EVERYONE]
    assert short(world.waves(cohorts=cohorts)) == ["canary: a", "half: c"]


def test_no_moving_host_makes_no_wave():
    assert World({"a": ""}).waves(packages=["app"]) == ()


def test_an_empty_cohort_has_no_wave():
    world = carrying(["a"], nobody="")
    assert short(world.waves(cohorts=[Cohort("canary", "nobody"), EVERYONE])) == ["everyone: a"]


def test_hosts_in_no_cohort_are_named():
    cohorts = [Cohort("canary", "host4", position=at(7))]
    [problem] = carrying(hosts(6)).refused((), cohorts)
    assert problem == (
        "plan.yml:7:5: rollout.cohorts: 5 of 6 hosts are in no cohort: host0, host1, host2, …; "
        "add a last cohort without hosts or share"
    )


def test_few_hosts_in_no_cohort_are_all_named():
    [problem] = carrying(hosts(4)).refused((), [Cohort("canary", "host1", position=at(7))])
    assert "3 of 4 hosts are in no cohort: host0, host2, host3;" in problem


def test_another_plan_name_is_another_queue():
    assert queue(hosts(50)) != queue(hosts(50), "other")


def test_places_never_change():
    """A change of the hash would move every fleet's canaries: pinned by value."""
    assert place_in_queue("demo", "host0").hex()[:16] == "1660e9d84f1a7cd9"


names = st.sets(st.text("abcdefgh", min_size=1, max_size=4), min_size=1, max_size=40)
shares = st.lists(st.integers(1, 100), min_size=1, max_size=3)


def shares_of(members: list[str], taken: list[int]) -> dict[str, int]:
    """Return the cohort's index of each host: one for each share, and one for the rest."""
    cohorts = [percent(f"share{index}", share) for index, share in enumerate(taken)]
    plan = plan_of(cohorts=[*cohorts, EVERYONE])
    return cohort_of_hosts(plan, fleet_of(members), lambda pattern: members)


@given(names, shares, st.randoms(use_true_random=False))
def test_shares_are_exact_and_do_not_depend_on_declaration_order(names, shares, random):
    members = sorted(names)
    found = shares_of(members, shares)
    random.shuffle(members)
    assert shares_of(members, shares) == found
    wanted = [math.ceil(share * len(members) / 100) for share in shares]
    ends = [min(end, len(members)) for end in accumulate(wanted)]
    assert [sum(place <= index for place in found.values()) for index in range(len(ends))] == ends


@given(names, shares, st.text("abcdefgh", min_size=5, max_size=5))
def test_adding_a_host_moves_at_most_k_others_across_the_end_of_the_kth_share(names, shares, new):
    before, after = shares_of(sorted(names), shares), shares_of(sorted({*names, new}), shares)
    for index in range(len(shares)):
        came = {host for host in before if before[host] > index >= after[host]}
        went = {host for host in before if before[host] <= index < after[host]}
        assert not (came and went)
        assert len(went) <= 1
        assert len(came) <= index + 1


@given(names, names, shares)
def test_two_hosts_never_change_places(names, others, shares):
    before, after = shares_of(sorted(names), shares), shares_of(sorted(others), shares)
    both = names & others
    for one in both:
        for two in both:
            assert not (before[one] < before[two] and after[one] > after[two])
