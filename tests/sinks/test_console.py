"""The terminal: a recording console of fixed size, and time that the test decides."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.model.event import Action, Result
from orchestrator.model.wave import Wave
from orchestrator.ports import Recorded
from orchestrator.rollout.states import WaveState
from orchestrator.sinks import Guarded, View
from orchestrator.sinks.console import ABOVE, Screen, Terminal
from orchestrator.sinks.frame import frame
from tests.report.golden import expect
from tests.report.stories import BAD, bad_release, names, play, started
from tests.sinks.watching import StoryClock, watch

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def a_terminal_that_can_do_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


def recording(*, terminal: bool = False) -> Console:
    return Screen(
        file=io.StringIO(),
        width=110,
        height=40,
        force_terminal=terminal,
        color_system=None,
        record=True,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def by_hand(tick):
    return lambda: None


def terminal_of(console: Console):
    return lambda view: Terminal(view, console=console, beat=by_hand)


def test_what_is_left_on_the_screen_of_a_bad_release():
    console = recording()
    watch(terminal_of(console), *bad_release())
    expect(GOLDEN / "console_end.txt", console.export_text())


def test_the_picture_while_the_second_wave_moves():
    pictures: list[str] = []

    def at_each(seq, sink, rollout):
        if rollout.waves[1].state is WaveState.OPEN and not pictures and seq > 70:
            console = recording()
            console.print(sink._frame())
            pictures.append(console.export_text())

    watch(terminal_of(recording()), *bad_release(), at_each=at_each)
    expect(GOLDEN / "console_open.txt", pictures[0])


def test_a_bake_counts_down():
    story = play(bad_release()[0])
    baking = (moment for moment in story if moment[2].waves[0].state is WaveState.BAKING)
    _, event, rollout, _ = next(baking)
    console = recording()
    console.print(frame(rollout, Counter(), event.at + 20))
    assert "baking 40s" in console.export_text()


def test_far_waves_are_only_counted():
    waves = [Wave(f"w{n}", "w", (f"h{n}",)) for n in range(300)]
    console = recording()

    def at_each(seq, sink, rollout):
        if seq == 2:
            console.print(sink._frame())

    watch(terminal_of(recording()), started(*waves), at_each=at_each)
    text = console.export_text()
    assert len(text.splitlines()) < 12
    assert "294 waves to come, 294 hosts" in text


def test_hostile_words_reach_no_terminal():
    hostile = "[red]x[/red]\x1b]0;owned\x07\x9b2J"
    first = started(Wave("w" + hostile, "w", ("h" + hostile,)))
    endings = {("h" + hostile, Action.VALIDATE): (Result.FAILED, hostile, hostile)}
    console = recording()
    sink = terminal_of(console)
    watch(sink, first, endings, at_each=lambda _, s, __: s.output("h", hostile))
    text = console.export_text(styles=False)
    assert "[red]x[/red]\\x1b]0;owned\\x07\\x9b2J" in text
    assert not set(text) & set("\x1b\x07\x9b")


def test_a_flood_of_output_is_cut_to_what_can_be_shown():
    console = recording()
    seq, event, rollout, transitions = next(play(*bad_release()))
    sink = Terminal(View(rollout, io.StringIO(), StoryClock()), console=console, beat=by_hand)
    sink.observe(Recorded(seq, event), transitions)
    for number in range(100_000):
        sink.output("h001", f"line {number}")
    sink.close()
    text = console.export_text()
    assert text.count("h001 | ") == ABOVE
    assert f"{100_000 - ABOVE} lines were too many to show" in text
    assert "line 99999" in text


def test_drawing_that_fails_is_told_to_the_feeder_and_dropped_there(monkeypatch):
    ticks: list[Callable[[], bool]] = []
    warnings: list[str] = []

    def beat(tick):
        ticks.append(tick)
        return lambda: None

    story = play(*bad_release())
    seq, event, rollout, transitions = next(story)
    sink = Terminal(View(rollout, io.StringIO(), StoryClock()), console=recording(), beat=beat)
    guarded = Guarded(sink, warnings.append)
    guarded.observe(Recorded(seq, event), transitions)
    assert ticks[0]()
    monkeypatch.setattr(sink._notes, "due", lambda at: 1 / 0)
    assert not ticks[0]()
    for seq, event, _, transitions in story:
        guarded.observe(Recorded(seq, event), transitions)
    guarded.close()
    assert len(warnings) == 1
    assert "ZeroDivisionError" in warnings[0]


def test_a_terminal_that_goes_away_does_not_end_the_program():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    ticks: list[Callable[[], bool]] = []

    def beat(tick):
        ticks.append(tick)
        return lambda: None

    console = Screen(file=Gone(), force_terminal=True)
    watch(
        lambda view: Terminal(view, console=console, beat=beat),
        *bad_release(),
        at_each=lambda *_: ticks[0](),
    )
    assert console.quiet
    assert ticks[0](), "nothing has failed"


async def test_it_beats_on_the_event_loop_while_nothing_happens():
    console = recording(terminal=True)
    clock = StoryClock()
    seq, event, rollout, transitions = next(play(*bad_release()))
    clock.at = event.at
    sink = Terminal(View(rollout, io.StringIO(), clock), console=console)
    sink.observe(Recorded(seq, event), transitions)
    clock.at += 4321
    async with asyncio.timeout(20):
        while "1h12m" not in console.export_text(clear=False):  # noqa: ASYNC110 - drawn on a beat
            await asyncio.sleep(0.01)
    sink.close()


def test_the_cursor_comes_back():
    out = io.StringIO()
    console = Screen(file=out, width=80, height=20, force_terminal=True, legacy_windows=False)
    watch(terminal_of(console), *bad_release())
    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


@pytest.mark.parametrize("verbose", [False, True])
def test_ordinary_moves_are_told_only_when_asked(verbose):
    console = recording()
    first = started(Wave("w", "w", names(1, 3)))
    watch(terminal_of(console), first, {("h001", Action.CHECK): BAD}, verbose=verbose)
    text = console.export_text()
    assert ("h002: staging" in text) is verbose
    assert "h001: failed: gateway: validation http: 503" in text
    assert ("wave w is open" in text) is verbose
