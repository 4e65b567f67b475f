"""Triggers: asked by the watchdog during the trial, and what they do to it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session, living, until

OLD = Release(files={"bin/app": b"one"})
NEW = Release(files={"bin/app": b"two"}, version="2.0.0")


def asks(**texts: str) -> dict[str, Any]:
    """Return the keys of triggers asked every second, by name; two bad answers in a row fire."""
    keys: dict[str, Any] = {"triggers": " ".join(texts)}
    for number, text in enumerate(texts.values(), start=1):
        here = {"": text, "_every": 1, "_timeout": 10, "_threshold": 2}
        keys |= {f"trigger_{number}{part}": value for part, value in here.items()}
    return keys


def lamp(folder: Path) -> str:
    """Return a trigger's text that says what the file ``lamp`` says: an exit code and a reason."""
    return f'read -r code reason <"{folder}/lamp"; echo "$reason"; exit "$code"'


def shine(folder: Path, answer: str) -> None:
    (folder / "lamp.new").write_text(f"{answer}\n")
    (folder / "lamp.new").rename(folder / "lamp")


def said(place: Place, session: Session) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = place.probe(session, NEW).triggers
    return found


def wait_for(place: Place, session: Session, **wanted: object) -> None:
    """Wait until the first trigger says this."""
    until(lambda: wanted.items() <= said(place, session)[0].items())


def activated(place: Place, session: Session, **keys: Any) -> Answer:
    place.install(session, OLD)
    place.stage(session, NEW)
    return place.activate(session, NEW, **keys)


def gone_back(place: Place, session: Session) -> str:
    """Wait until the host went back by itself, and return why."""
    until(lambda: place.active == OLD.id and not (place.records / "busy").is_symlink())
    last = place.probe(session, OLD).last
    assert (last["outcome"], last["to"]) == ("reverted", NEW.id)
    return str(last["reason"])


def test_a_healthy_release_stays(place: Place) -> None:
    with place.session() as session:
        shine(place.root.parent, "0 all is well")
        activated(place, session, **asks(health=lamp(place.root.parent)))
        wait_for(place, session, last="yes")
        [told] = said(place, session)
        assert told == {
            "name": "health",
            "bad": 0,
            "threshold": 2,
            "last": "yes",
            "reason": "all is well",
        }
        assert place.confirm(session, NEW).status == "ok"
        assert place.commit(session, NEW).status == "ok"
    assert place.active == NEW.id


def test_one_that_says_no_twice_takes_the_host_back(place: Place) -> None:
    with place.session() as session:
        shine(place.root.parent, "0 fine")
        activated(place, session, **asks(health=lamp(place.root.parent)))
        wait_for(place, session, last="yes")
        shine(place.root.parent, "1 app.service is 'failed'")
        why = "trigger health: app.service is 'failed' (2 of 2)"
        assert gone_back(place, session) == why
        assert place.probe(session, OLD).lock is None
        assert place.confirm(session, NEW).reason == f"this trial is over: reverted, {why}"
        assert place.revert(session).reason == why
    lines = (place.records / "history.jsonl").read_text().splitlines()
    [end] = [e for e in map(json.loads, lines) if (e["at"], e["op"]) == ("end", "watchdog")]
    assert (end["status"], end["reason"]) == ("ok", why)


def test_it_goes_back_with_nobody_there(place: Place) -> None:
    with place.session() as session:
        shine(place.root.parent, "1 broken")
        activated(place, session, **asks(health=lamp(place.root.parent)))
    with place.session() as session:
        assert gone_back(place, session) == "trigger health: broken (2 of 2)"


def test_a_no_between_others_does_not_fire(place: Place) -> None:
    """Only as many in a row as the threshold says; what is not measured counts as neither."""
    folder = place.root.parent
    text = f"""
        cd "{folder}"; read -r code rest <script || exit 0
        printf '%s\\n' "$rest" >script; echo "$code" >>asked; exit "$code"
    """
    (folder / "script").write_text("1 0 1 3 21 0 1 21 1\n")
    with place.session() as session:
        activated(place, session, **asks(health=text))
        assert gone_back(place, session).startswith("trigger health: ")
    assert (folder / "asked").read_text().split() == ["1", "0", "1", "3", "21", "0", "1", "21", "1"]


@pytest.mark.parametrize(
    ("answer", "last", "reason"),
    [("21 warming up", "not-yet", "warming up"), ("3 odd", "unknown", "exit status 3: odd")],
)
def test_what_is_no_answer_never_fires(place: Place, answer: str, last: str, reason: str) -> None:
    with place.session() as session:
        shine(place.root.parent, answer)
        activated(
            place, session, **asks(health=lamp(place.root.parent)) | {"trigger_1_threshold": 1}
        )
        wait_for(place, session, last=last, reason=reason, bad=0)
        assert place.probe(session, NEW).trial["nonce"] == "n1"
    assert place.active == NEW.id


def test_not_yet_for_as_long_as_the_trial_may_last_is_a_no(dash: Place) -> None:
    with dash.session() as session:
        shine(dash.root.parent, "21 warming up")
        activated(dash, session, **asks(health=lamp(dash.root.parent)))
        undo = dash.records / "undo"
        pid = int((dash.records / "watchdog").read_text().split()[0])
        undo.write_text(undo.read_text().replace("undo_deadline='600'", "undo_deadline='1'"))
        os.killpg(pid, signal.SIGKILL)
        other = dash.session()
        with other as stranger:
            assert (
                stranger.ask(
                    "activate",
                    **dash.claim(run="other", token=0),
                    nonce="x",
                    deadline=9,
                    **NEW.named(),
                ).status
                == "locked"
            )  # brings it back
        assert gone_back(dash, session) == "trigger health: warming up (2 of 2)"


def test_none_is_asked_before_the_activation_ran_to_its_end(place: Place) -> None:
    mark = place.root.parent / "mark"
    keys = asks(health=f"test -e '{mark}'") | {"trigger_1_threshold": 1}
    slow = f"sleep 2.5 || sleep 3; touch '{mark}'"
    with place.session() as session:
        assert activated(place, session, post_activate=slow, **keys).status == "ok"
        wait_for(place, session, last="yes")
    assert place.active == NEW.id


def test_one_that_hangs_says_no_and_leaves_nothing(place: Place) -> None:
    """What it started is ended with it; the test's fixture looks for what is left."""
    keys = asks(health="sleep 1000 & sleep 1001; exit 0") | {"trigger_1_timeout": 1}
    with place.session() as session:
        activated(place, session, **keys)
        assert gone_back(place, session) == "trigger health: timed out after 1 s (2 of 2)"


def test_a_confirmation_ends_what_is_being_asked(place: Place) -> None:
    mark = place.root.parent / "mark"
    with place.session() as session:
        activated(place, session, **asks(health=f"touch '{mark}'; sleep 1000"))
        until(mark.exists)
        assert place.confirm(session, NEW).status == "ok"
        until(lambda: not [c for c in living(str(place.root)).values() if "sleep 1000" in c])
    assert place.active == NEW.id


def test_the_deadline_does_not_wait_for_one_that_hangs(dash: Place) -> None:
    keys = asks(health="sleep 1000") | {"trigger_1_timeout": 900, "deadline": 2}
    with dash.session() as session:
        activated(dash, session, **keys)
        assert gone_back(dash, session) == "no confirmation within 2 s"


def test_one_that_counts_after_a_yes_is_asked_before_the_flip(place: Place) -> None:
    folder = place.root.parent
    note = f'echo "asked $FLEET_TO" >>"{folder}/log"; '
    keys = asks(link=note + lamp(folder)) | {"trigger_1_after_yes": 1}
    flip = f'echo flip >>"{folder}/log"; echo "1 cut off" >"{folder}/lamp"'
    with place.session() as session:
        shine(folder, "0 there")
        activated(place, session, restart=flip, **keys)
        assert gone_back(place, session) == "trigger link: cut off (2 of 2)"
    asked = f"asked {NEW.id}"
    assert (folder / "log").read_text().splitlines()[:4] == [asked, "flip", asked, asked]


def test_those_asked_before_the_flip_share_the_trial_s_time(place: Place) -> None:
    log = place.root.parent / "log"
    texts = {name: f'echo {name} >>"{log}"; sleep 1000' for name in ("one", "two")}
    keys = asks(**texts) | {f"trigger_{number}_after_yes": 1 for number in (1, 2)}
    keys |= {f"trigger_{number}_timeout": 900 for number in (1, 2)}
    with place.session() as session:
        activated(place, session, deadline=2, **keys)
        assert gone_back(place, session) == "no confirmation within 2 s"
    assert log.read_text() == "one\n"


def test_one_that_never_said_yes_cannot_fire(place: Place) -> None:
    keys = asks(link=lamp(place.root.parent)) | {"trigger_1_after_yes": 1, "trigger_1_threshold": 1}
    with place.session() as session:
        shine(place.root.parent, "1 no answer")
        activated(place, session, **keys)
        wait_for(place, session, last="unknown", reason="no answer, and did not before", bad=0)
        shine(place.root.parent, "0 answers")
        wait_for(place, session, last="yes")
        shine(place.root.parent, "1 no answer")
        assert gone_back(place, session) == "trigger link: no answer (1 of 1)"


def test_each_has_its_own_pace_and_count(place: Place) -> None:
    folder = place.root.parent
    keys = asks(one=f'echo one >>"{folder}/log"', two=lamp(folder)) | {"trigger_1_every": 1000}
    with place.session() as session:
        shine(folder, "1 broken")
        activated(place, session, **keys)
        assert gone_back(place, session) == "trigger two: broken (2 of 2)"
        assert [told["bad"] for told in said(place, session)] == [0, 2]
    assert (folder / "log").read_text() == "one\n"


def test_they_see_what_hooks_see(place: Place) -> None:
    text = 'echo "$PWD $FLEET_FROM $FLEET_TO $FLEET_WAVE $WORD"'
    with place.session() as session:
        activated(place, session, env="export WORD='it'\\''s'", **asks(health=text))
        wait_for(place, session, last="yes")
        [told] = said(place, session)
    assert told["reason"] == f"{place.release(NEW)} {OLD.id} {NEW.id} canary it's"


@pytest.mark.parametrize("part", ["every", "timeout", "threshold"])
@pytest.mark.parametrize("value", ["", "0", "-1", "1; touch /tmp/x"])
def test_numbers_must_be_numbers(dash: Place, part: str, value: str) -> None:
    with dash.session() as session:
        answer = activated(dash, session, **asks(health="true") | {f"trigger_1_{part}": value})
        assert answer.status == "error"
        assert answer.reason == f"trigger health: not a number above 0 for {part}: {value}"
    assert dash.active == OLD.id


def test_names_must_be_names(dash: Place) -> None:
    with dash.session() as session:
        answer = activated(dash, session, triggers="../x")
        assert (answer.status, answer.reason) == ("error", "not a name of a trigger: ../x")


def test_another_trial_s_answers_are_not_told(dash: Place) -> None:
    with dash.session() as session:
        activated(dash, session, **asks(health="true"))
        wait_for(dash, session, last="yes")
        dash.revert(session)
        dash.activate(session, NEW, "n2")
        assert said(dash, session) == []
