"""``--output json``: each line an object, and the objects are the journal's."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from orchestrator.model.codec import from_dict
from orchestrator.model.event import Action, ActionEnded, Result
from orchestrator.model.wave import Wave
from orchestrator.ports import Recorded
from orchestrator.rollout.machine import Rollout
from orchestrator.sinks import SINKS, View
from tests.report.golden import expect
from tests.report.stories import BAD, bad_release, play, played, started
from tests.sinks.watching import StoryClock, watch

GOLDEN = Path(__file__).parent / "golden"
json_lines = SINKS["json"]
MOVES = {"host_moved", "wave_moved"}


def test_a_run_of_one_bad_host():
    first = started(Wave("canary", "canary", ("h001",)))
    expect(GOLDEN / "json_lines.jsonl", watch(json_lines, first, {("h001", Action.VALIDATE): BAD}))


def test_the_events_fold_to_the_run_that_they_tell_of():
    first, endings = bad_release()
    docs = [json.loads(line) for line in watch(json_lines, first, endings).splitlines()]
    events = [from_dict(doc) for doc in docs if doc["kind"] not in MOVES]
    assert [first, *events] == played(first, endings)[1]
    folded = Rollout.fold([first, *events])
    last = {doc["host"]: doc["after"] for doc in docs if doc["kind"] == "host_moved"}
    moved = {name: h.state.value for name, h in folded.hosts.items() if name in last}
    assert moved == last


def test_moves_follow_the_event_that_caused_them():
    docs = [json.loads(line) for line in watch(json_lines, *bad_release()).splitlines()]
    seqs = [doc["seq"] for doc in docs]
    assert seqs == sorted(seqs)
    assert all(docs[at - 1]["seq"] == d["seq"] for at, d in enumerate(docs) if d["kind"] in MOVES)
    assert {doc["run"] for doc in docs} == {"run-1"}


def test_hostile_words_are_plain_ascii():
    hostile = "\x1b[2J\n\u202e\x9b\udcff"
    first = started(Wave("w", "w", ("h",)))
    text = watch(
        json_lines,
        first,
        {("h", Action.VALIDATE): (Result.FAILED, hostile, hostile)},
        at_each=lambda _, sink, __: sink.output("h", hostile),
    )
    assert text.isascii()
    assert not set(text) & (set(map(chr, range(32))) - {"\n"})
    docs = [json.loads(line) for line in text.splitlines()]
    assert {doc["line"] for doc in docs if doc["kind"] == "output"} == {hostile}


def test_each_event_is_readable_before_the_next_one_comes():
    receive, send = os.pipe()
    seq, event, rollout, transitions = next(play(bad_release()[0]))
    with os.fdopen(receive) as reader, os.fdopen(send, "w") as writer:
        sink = json_lines(View(rollout, writer, StoryClock()))
        sink.observe(Recorded(seq, event), transitions)
        assert json.loads(reader.readline())["kind"] == "controller_started"


def test_a_reader_that_goes_away_ends_the_printing_and_nothing_else():
    receive, send = os.pipe()
    os.close(receive)
    with os.fdopen(send, "w") as writer:
        watch(json_lines, *bad_release(), out=writer)


def test_a_slow_reader_gets_every_line():
    receive, send = os.pipe()
    found: list[str] = []
    with os.fdopen(receive) as reader:
        thread = threading.Thread(target=lambda: found.extend(reader))
        thread.start()
        with os.fdopen(send, "w") as writer:
            watch(json_lines, *bad_release(), out=writer)
        thread.join(20)
    assert "".join(found) == watch(json_lines, *bad_release())


def test_facts_are_kept():
    text = watch(json_lines, *bad_release())
    events = [from_dict(doc) for doc in map(json.loads, text.splitlines()) if "v" in doc]
    staged = [e for e in events if isinstance(e, ActionEnded) and e.action is Action.STAGE]
    assert {event.facts["sent"] for event in staged} == {1_500_000}
