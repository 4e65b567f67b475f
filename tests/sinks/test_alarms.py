"""When hosts in trouble are told of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.troubles import Trouble
from orchestrator.rollout.states import HostState as H
from orchestrator.sinks.alarms import BURST, INTERVAL, POOLED, Alarm, Alarms


def trouble(reason: object) -> Trouble:
    return Trouble(H.FAILED, str(reason), ("output",))


def test_the_first_is_told_at_once_and_its_like_later_together():
    alarms = Alarms()
    assert alarms.add(trouble("a"), "h1") == [Alarm(trouble("a"), ("h1",))]
    assert alarms.add(trouble("a"), "h2") == alarms.add(trouble("a"), "h3") == []
    assert alarms.rest() == [Alarm(trouble("a"), ("h2", "h3"), again=True)]
    assert alarms.rest() == []


def test_the_pool_waits_its_time():
    alarms = Alarms()
    alarms.due(1000.0)
    alarms.add(trouble("a"), "h1")
    alarms.add(trouble("a"), "h2")
    assert alarms.due(1000.0 + INTERVAL - 1) == []
    assert len(alarms.due(1000.0 + INTERVAL)) == 1


def test_what_was_never_told_comes_with_its_output():
    alarms = Alarms()
    for number in range(BURST + 1):
        alarms.add(trouble(number), f"h{number}")
    (late,) = alarms.rest()
    assert not late.again
    assert alarms.add(trouble(BURST), "x") == [], "told by now"


def test_very_many_reasons_are_told_without_their_words():
    alarms = Alarms()
    at_once = sum(len(alarms.add(trouble(n), f"h{n}")) for n in range(50_000))
    pooled = alarms.rest()
    assert at_once == BURST
    assert len(pooled) == POOLED + 1
    assert len(pooled[-1].hosts) == 50_000 - BURST - POOLED


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=200))
def test_every_host_is_told_exactly_once(said):
    alarms, told = Alarms(), []
    for at, (seconds, reason) in enumerate(said):
        told += alarms.add(trouble(reason), f"h{at}")
        told += alarms.due(1000.0 + at * seconds)
    told += alarms.rest()
    hosts = [host for alarm in told for host in alarm.hosts]
    assert sorted(hosts) == sorted(f"h{at}" for at in range(len(said)))
