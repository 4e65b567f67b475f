"""A failing sink is dropped, once, and the run does not notice."""

from __future__ import annotations

import io

import pytest

from orchestrator.model.event import TimePassed
from orchestrator.ports import Recorded
from orchestrator.sinks import SINKS, Guarded, View, fitting
from tests.report.stories import bad_release, play
from tests.sinks.watching import StoryClock

EVENT = Recorded(1, TimePassed(0.0))


class Failing:
    def __init__(self, *where: str) -> None:
        self.where = where
        self.seen: list[str] = []

    def _do(self, what: str) -> None:
        self.seen.append(what)
        if what in self.where:
            raise OSError(f"no space\x1b left in {what}")

    def observe(self, recorded, transitions) -> None:
        self._do("observe")

    def output(self, host, line) -> None:
        self._do("output")

    def close(self) -> None:
        self._do("close")


def use(sink: Failing) -> list[str]:
    warnings: list[str] = []
    guarded = Guarded(sink, warnings.append)
    for _ in range(3):
        guarded.observe(EVENT, ())
        guarded.output("h", "line")
    guarded.close()
    return warnings


def test_a_sink_that_works_sees_everything():
    sink = Failing()
    assert use(sink) == []
    assert sink.seen == ["observe", "output"] * 3 + ["close"]


@pytest.mark.parametrize("where", ["observe", "output", "close"])
def test_a_failing_sink_is_dropped_with_one_warning(where):
    sink = Failing(where, "close")
    (warning,) = use(sink)
    assert "the run goes on without it" in warning
    assert "OSError: no space\\x1b left" in warning
    assert sink.seen.count(where) <= 2
    assert sink.seen[-1] == "close"


def test_a_failing_warning_does_no_harm():
    def warn(_: str) -> None:
        raise BrokenPipeError

    Guarded(Failing("observe"), warn).observe(EVENT, ())


def test_an_interrupt_is_not_a_failure():
    class Interrupted(Failing):
        def observe(self, recorded, transitions) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guarded(Interrupted(), lambda _: None).observe(EVENT, ())


@pytest.mark.parametrize("name", SINKS)
def test_every_sink_of_the_table_can_be_made_and_closed_unused(name):
    _, _, rollout, _ = next(play(*bad_release()))
    out = io.StringIO()
    SINKS[name](View(rollout, out, StoryClock())).close()
    assert out.getvalue() == ""


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "term", "name"),
    [(Tty(), "xterm", "console"), (Tty(), "dumb", "plain"), (io.StringIO(), "xterm", "plain")],
)
def test_the_sink_that_fits(out, term, name):
    assert fitting(out, term) == name
