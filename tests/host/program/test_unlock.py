"""Breaking a lock: who held it is fenced off, and an armed trial is never left without its end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session, living, until

OLD = Release(files={"app": b"one"})
NEW = Release(files={"app": b"two"}, version="2.0.0")
WORDS: dict[str, Any] = {"owner": "alice@ops", "lock_ttl": 600}


def unlock(place: Place, session: Session, held: str = "run-1", **keys: Any) -> Answer:
    return session.ask("unlock", **place.where(), held=held, **WORDS, **keys)


def history(place: Place) -> list[dict[str, object]]:
    lines = (place.records / "history.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_whoever_held_it_is_fenced_and_another_may_go_on(place: Place) -> None:
    other = replace(place, run="run-2")
    with place.session() as old, place.session() as session:
        place.stage(old, OLD)
        assert other.stage(session, NEW).status == "locked"
        answer = unlock(place, session)
        assert (answer.status, answer.reason) == ("ok", "run run-1 is locked out")
        assert place.activate(old, OLD).status == "fenced"
        assert place.active == ""
        assert other.stage(session, NEW).status == "ok"
    last = [entry for entry in history(place) if entry["op"] == "unlock"][-1]
    assert (last["run"], last["by"], last["status"]) == ("run-1", "alice@ops", "ok")


def test_what_the_holder_still_does_is_ended(place: Place) -> None:
    with place.session() as old, place.session() as session:
        place.stage(old, OLD)
        hook = "touch $FLEET_SHARED/begun; sleep 60 & wait; sleep 60"
        old.request("activate", **place.claim(), **OLD.named(), nonce="n1", pre_activate=hook)
        until((place.home / "shared/begun").exists)
        assert unlock(place, session).status == "no"
        assert unlock(place, session, force=1).status == "ok"
        assert old.answer().reason == "the operation was ended on the host"
        assert not (place.records / "lock").exists()


def test_an_armed_trial_refuses_and_has_its_watchdog(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        place.activate(session, NEW)
        before = (place.records / "trial").read_bytes()
        answer = unlock(place, session)
        assert answer.status == "no"
        assert answer.reason.startswith(f"a trial of {NEW.id} is on, and ends in ")
        assert (place.records / "trial").read_bytes() == before
        assert place.confirm(session, NEW).status == "ok"


def test_with_force_the_host_goes_back_at_once(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        place.activate(session, NEW)
        answer = unlock(place, session, force=1)
        assert (answer.status, answer.reason) == ("ok", "the lock was broken by alice@ops")
        assert place.active == OLD.id
        assert place.confirm(session, NEW).status == "fenced"
        assert place.probe(session, OLD).lock is None
    until(lambda: not living(f"watchdog {place.package}"))


def test_a_lock_that_another_has_taken_meanwhile_is_left_to_it(place: Place) -> None:
    with place.session() as session:
        place.stage(session, OLD)
        answer = unlock(place, session, held="run-0")
        assert answer.reason == "run run-1 holds the lock now (somebody)"
        assert place.activate(session, OLD).status == "ok"


def test_where_there_is_no_lock_nothing_is_made(place: Place) -> None:
    with place.session() as session:
        assert unlock(place, session).reason == "nobody holds the lock"
    assert not place.records.exists()
