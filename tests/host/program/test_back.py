"""Going back by an activation: steps done since are undone, and done again on the way back."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session

TEXT = Path(__file__).parents[3] / "orchestrator/host/program/back.sh"
POINTS = tuple(dict.fromkeys(re.findall(r"^ +point (\w+)$", TEXT.read_text(), re.MULTILINE)))

OLD = Release(files={"bin/app": b"one"})
NEW = Release(files={"bin/app": b"two"}, version="2.0.0")


def steps(*names: str, down: bool = True) -> dict[str, str]:
    """Return the keys of steps that leave a trace in the shared folder."""
    keys = {"steps": " ".join(names)}
    for number, name in enumerate(names, start=1):
        keys[f"step_up_{number}"] = f'echo "+{name}" >>"$FLEET_SHARED/trace"'
        if down:
            keys[f"step_down_{number}"] = f'echo "-{name}" >>"$FLEET_SHARED/trace"'
    return keys


def moved(place: Place, session: Session, release: Release, nonce: str, **keys: Any) -> None:
    """Bring a release on, all the way, with steps."""
    place.token = 0
    place.stage(session, release, allow_downgrade=1)
    for answer in (
        place.activate(session, release, nonce, allow_downgrade=1, **keys),
        place.confirm(session, release, nonce),
        place.commit(session, release, nonce),
    ):
        assert answer.status == "ok", answer.fields
    place.token = 0


def back(place: Place, session: Session, nonce: str = "b1", **keys: Any) -> Answer:
    place.token = 0
    assert place.stage(session, OLD, allow_downgrade=1).status == "ok"
    return place.activate(session, OLD, nonce, allow_downgrade=1, back=1, **keys)


def recall(place: Place, session: Session, release: Release = OLD) -> dict[str, Any]:
    return session.ask("recall", **place.where(), **release.named()).fields


def trace(place: Place) -> str:
    path = place.home / "shared/trace"
    return " ".join(path.read_text().split()) if path.exists() else ""


def ledger(place: Place) -> list[str]:
    return [line.split()[0] for line in (place.records / "ledger").read_text().split("\n") if line]


def upgraded(place: Place, session: Session) -> None:
    """Have OLD, with a step of its own, replaced by NEW with two more."""
    moved(place, session, OLD, "n1", **steps("base"))
    moved(place, session, NEW, "n2", **steps("base", "a.b", "c"))


def test_what_was_done_since_is_undone_last_first(place: Place) -> None:
    with place.session() as session:
        upgraded(place, session)
        found = recall(place, session)
        assert (found["held"], found["proof"]) == (True, "")
        assert (found["since"], found["done"]) == (["c", "a.b"], ["base", "a.b", "c"])
        assert back(place, session, **steps("base", "a.b", "c")).status == "ok"
        assert place.confirm(session, OLD, "b1").status == "ok"
        assert place.commit(session, OLD, "b1").status == "ok"
        assert recall(place, session)["since"] == []
        assert recall(place, session, NEW)["since"] == []
    assert place.active == OLD.id
    assert trace(place) == "+base +a.b +c -c -a.b"
    assert ledger(place) == ["base"]


def test_the_way_back_from_there_does_them_again(place: Place) -> None:
    with place.session() as session:
        upgraded(place, session)
        before = (place.records / "ledger").read_text()
        assert back(place, session, **steps("base", "a.b", "c")).status == "ok"
        assert place.revert(session, "b1").status == "ok"
        assert recall(place, session)["since"] == ["c", "a.b"]
    assert place.active == NEW.id
    assert trace(place) == "+base +a.b +c -c -a.b +a.b +c"
    assert (place.records / "ledger").read_text() == before


def test_without_a_way_down_nothing_is_touched(place: Place) -> None:
    with place.session() as session:
        upgraded(place, session)
        for keys in (steps("base", "a.b"), steps("base", "a.b", "c", down=False)):
            answer = back(place, session, **keys)
            assert answer.status == "no"
            assert answer.reason == "step c was done since, and has no way down"
    assert place.active == NEW.id
    assert trace(place) == "+base +a.b +c"
    assert not (place.records / "trial").exists()


def test_what_never_was_active_here_is_not_known(dash: Place) -> None:
    with dash.session() as session:
        moved(dash, session, NEW, "n1", **steps("base"))
        found = recall(dash, session)
        assert (found["held"], found["since"]) == (False, None)
        answer = back(dash, session, **steps("base"))
        assert answer.status == "no"
        assert "nobody knows which of these steps" in answer.reason
        assert "base" in answer.reason


def test_where_no_step_was_done_nothing_need_be_known(dash: Place) -> None:
    with dash.session() as session:
        moved(dash, session, NEW, "n1")
        assert recall(dash, session)["since"] == []
        assert back(dash, session).status == "ok"
        assert dash.revert(session, "b1").status == "ok"


def test_a_damaged_release_is_not_recalled(dash: Place) -> None:
    with dash.session() as session:
        upgraded(dash, session)
        (dash.release(OLD) / "bin/app").write_bytes(b"ill")
        assert "bin/app" in recall(dash, session)["proof"]


def test_a_step_that_cannot_be_undone_is_tried_and_all_is_as_it_was(dash: Place) -> None:
    with dash.session() as session:
        upgraded(dash, session)
        keys = steps("base", "a.b", "c") | {"step_down_2": "echo no; exit 3"}
        answer = back(dash, session, **keys)
        assert (answer.status, answer.hook) == ("failed", "step a.b, down")
        assert dash.revert(session, "b1").status == "ok"
    assert ledger(dash) == ["base", "a.b", "c"]
    assert trace(dash) == "+base +a.b +c -c +a.b +c"
    assert dash.active == NEW.id


@pytest.mark.parametrize("point", ["before_flip", "flipped", *POINTS])
@pytest.mark.parametrize("stays", [True, False])
def test_killed_anywhere_it_converges(dash: Place, point: str, *, stays: bool) -> None:
    with dash.session() as session:
        upgraded(dash, session)
    keys = steps("base", "a.b", "c")
    with contextlib.suppress(EOFError), dash.session(FLEET_KILL_POINT=point) as session:
        back(dash, session, **keys)
    with dash.session() as session:
        assert back(dash, session, **keys).status == "ok"
        if stays:
            assert dash.confirm(session, OLD, "b1").status == "ok"
            assert dash.commit(session, OLD, "b1").status == "ok"
    if not stays:
        with contextlib.suppress(EOFError), dash.session(FLEET_KILL_POINT=point) as session:
            dash.revert(session, "b1")
        dash.token = 0
        with dash.session() as session:
            assert dash.revert(session, "b1", release_lock=1).status == "ok"
    assert dash.active == (OLD if stays else NEW).id
    assert ledger(dash) == (["base"] if stays else ["base", "a.b", "c"])
