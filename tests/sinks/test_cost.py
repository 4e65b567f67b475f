"""What sinks cost does not grow with the fleet."""

from __future__ import annotations

import io

import pytest

from orchestrator.model.event import Action, Result
from orchestrator.model.plan import Amount, FailureBudget
from orchestrator.model.wave import Wave
from orchestrator.rollout.records import HostRecord
from orchestrator.sinks import SINKS, View
from orchestrator.sinks.console import Screen, Terminal
from tests.report.stories import Endings, bad_release, started
from tests.sinks.watching import watch

HOSTS = 50_000


class Unwalkable(dict[str, HostRecord]):
    """Hosts that may be looked up, and not walked through."""

    def __iter__(self):
        raise AssertionError("walks through the fleet")

    keys = values = items = __iter__


def never(_tick):
    return lambda: None


def terminal(view: View) -> Terminal:
    console = Screen(file=io.StringIO(), width=110, height=40, force_terminal=True)
    return Terminal(view, console=console, beat=never)


MAKERS = {**SINKS, "console": terminal}


@pytest.mark.parametrize("name", MAKERS)
def test_no_sink_walks_through_the_fleet(name):
    def at_each(seq, sink, rollout):
        if seq == 2:  # the core itself looks through its hosts when a controller begins
            rollout.board.hosts = Unwalkable(rollout.board.hosts)
        if isinstance(sink, Terminal):
            sink.refresh()

    first, endings = bad_release()
    watch(MAKERS[name], first, endings, at_each=at_each, verbose=True)


@pytest.mark.parametrize("name", MAKERS)
def test_fifty_thousand_hosts_that_all_fail(name):
    hosts = tuple(f"h{n:05}" for n in range(HOSTS))
    first = started(
        Wave("w", "w", hosts), max_failures=FailureBudget(Amount(HOSTS)), max_parallel=HOSTS
    )
    endings: Endings = {
        (host, Action.CHECK): (Result.FAILED, f"reason {at % 7}", "line\n" * 50)
        for at, host in enumerate(hosts)
    }
    text = watch(MAKERS[name], first, endings, step=0.001)
    if name == "plain":
        assert len(text.splitlines()) < 200
        assert "(7143 hosts)" not in text, "told in several parts"
