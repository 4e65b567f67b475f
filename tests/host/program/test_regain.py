"""Going back with data: release and data change together, whatever interrupts it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.backing_up import archives, backup, left
from tests.host.program.driver import Answer, Place, Session, lose_watchdog, until
from tests.host.program.test_back import NEW, OLD, ledger, moved, recall

FOLDER = Path(__file__).parents[3] / "orchestrator/host/program"
POINTS = tuple(
    dict.fromkeys(
        point
        for part in ("regain.sh", "quiet.sh", "back.sh")
        for point in re.findall(r"\bpoint (\w+)", (FOLDER / part).read_text())
    )
)
ALONG = ("armed", "before_flip", "flipped", "activated", "steps_undone", "flipped_back")
"""Points of activation and revert between which release and data change."""

MIGRATED = {"steps": "schema", "step_up_1": "true"}
"""A step without a way down, which counts as undone with its data."""

MATCHING = {f"{OLD.version} one", f"{NEW.version} two"}
"""What may be started: a release with the data that it reads."""


@pytest.fixture(name="place")
def upgraded(place: Place) -> Place:
    return fill(place)


@pytest.fixture(name="dash")
def upgraded_dash(dash: Place) -> Place:
    return fill(dash)


def fill(place: Place) -> Place:
    """Have OLD with data, of which there is a backup, replaced by NEW, which has migrated it."""
    data(place).mkdir(parents=True)
    write(place, "one")
    with place.session() as session:
        moved(place, session, OLD, "n1")
        assert backup(place, session, data(place)).status == "ok"
        moved(place, session, NEW, "n2", **MIGRATED)
    write(place, "two")
    return place


def data(place: Place) -> Path:
    return place.home / "shared/db"


def write(place: Place, text: str) -> None:
    (data(place) / "table").write_text(text)


def read(place: Place) -> str:
    return (data(place) / "table").read_text()


def keys(place: Place, **changes: Any) -> dict[str, Any]:
    """Return the keys of going back with data, whose writer notes with what it is started."""
    started = f'v=$(readlink "{place.home}/current"); v=${{v#releases/}}'
    note = f'echo "${{v%%-*}} $(cat {data(place)}/table)" >>"{place.home}/started"'
    usual = {"back": 1, "paths": data(place), "settled": "schema", **MIGRATED, "step_up_1": ""}
    texts = {"freeze": f'echo stopped >"{place.home}/service"'}
    texts["thaw"] = f'{started}; {note}; echo runs >"{place.home}/service"'
    return usual | texts | changes


def back(place: Place, session: Session, **changes: Any) -> Answer:
    place.token = 0
    assert place.stage(session, OLD, allow_downgrade=1).status == "ok"
    return place.activate(session, OLD, "b1", allow_downgrade=1, **keys(place, **changes))


def started(place: Place) -> list[str]:
    path = place.home / "started"
    return path.read_text().splitlines() if path.exists() else []


def struck(place: Place, point: str, operation: Callable[[Session], Answer]) -> bool:
    """Do an operation that is killed if it comes past a point; data is not at rest after that."""
    killed = True
    with contextlib.suppress(EOFError), place.session(FLEET_KILL_POINT=point) as session:
        killed = was_killed(operation(session))
    until(lambda: not (place.records / "thaw").exists())
    return killed


def was_killed(answer: Answer) -> bool:
    return "ended on the host" in answer.reason


def put_aside(place: Place) -> list[str]:
    """Return the tables that lie beside the data."""
    return sorted(path.read_text() for path in data(place).parent.glob(".db.fleet/*/table"))


def is_old(place: Place) -> bool:
    return (place.active, read(place), ledger(place)) == (OLD.id, "one", [])


def is_new(place: Place) -> bool:
    return (place.active, read(place), ledger(place)) == (NEW.id, "two", ["schema"])


def test_data_comes_back_with_its_release(place: Place) -> None:
    with place.session() as session:
        asked = session.ask("recall", **place.where(), **OLD.named(), paths=data(place))
        assert asked.backup.endswith(f"-{OLD.id}")
        assert "backup" not in recall(place, session)
        answer = back(place, session)
        assert (answer.status, answer.data) == ("ok", asked.backup)
        assert is_old(place)
        assert place.confirm(session, OLD, "b1").status == "ok"
        assert place.commit(session, OLD, "b1").status == "ok"
    assert started(place) == [f"{OLD.version} one"]
    assert put_aside(place) == ["two"]
    assert not left(place)


def test_it_goes_again_with_the_release_that_was_there(place: Place) -> None:
    with place.session() as session:
        assert back(place, session).status == "ok"
        write(place, "three")
        assert place.revert(session, "b1").status == "ok"
    assert is_new(place)
    assert started(place) == [f"{OLD.version} one", f"{NEW.version} two"]
    assert put_aside(place) == ["three"]
    assert not left(place)


def test_the_watchdog_does_so_alone(place: Place) -> None:
    with place.session() as session:
        assert back(place, session, deadline=1).status == "ok"
    until(lambda: not (place.records / "trial").exists())
    assert is_new(place)
    assert (place.home / "service").read_text() == "runs\n"


def test_a_confirmed_one_is_taken_back_by_request(dash: Place) -> None:
    with dash.session() as session:
        assert back(dash, session).status == "ok"
        assert dash.confirm(session, OLD, "b1").status == "ok"
        assert dash.revert(session, "b1").status == "ok"
    assert is_new(dash)


def spoil_archive(place: Place) -> None:
    [path] = archives(place).glob("*.tar.*")
    path.write_bytes(b"?" + path.read_bytes()[1:])


def lose_archive(place: Place) -> None:
    [path] = archives(place).glob("*.tar.*")
    path.unlink()


def lose_data(place: Place) -> None:
    data(place).rename(place.home / "gone")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (spoil_archive, "is damaged: its hash is not the one recorded"),
        (lose_archive, f"no backup of the data was made here while {OLD.id} was active"),
        (lose_data, "to take the place of: bring it back with fleet hosts restore"),
    ],
)
def test_what_is_wrong_changes_nothing(place: Place, spoil: Any, why: str) -> None:
    spoil(place)
    with place.session() as session:
        answer = back(place, session)
    assert (answer.status, why in answer.reason) == ("no", True), answer.fields
    assert place.active == NEW.id
    assert not (place.records / "trial").exists()
    assert not (place.home / "service").exists()
    assert not left(place)


def test_a_backup_of_other_paths_is_none(dash: Place) -> None:
    other = dash.home / "shared/other"
    other.mkdir()
    with dash.session() as session:
        answer = back(dash, session, paths=f"{data(dash)}\n{other}")
    assert "no backup of the data" in answer.reason
    assert is_new(dash)


def test_a_step_that_touches_more_than_data_needs_its_way_down(dash: Place) -> None:
    with dash.session() as session:
        answer = back(dash, session, settled="")
    assert answer.reason == "step schema was done since, and has no way down"
    assert is_new(dash)


def test_what_does_not_stop_keeps_release_and_data(dash: Place) -> None:
    with dash.session() as session:
        answer = back(dash, session, freeze="echo no; exit 3")
        assert (answer.status, answer.reason) == ("failed", "freeze: exit status 3: no")
        assert (dash.active, read(dash)) == (NEW.id, "two")
        assert dash.revert(session, "b1").status == "ok"
    assert is_new(dash)


@pytest.mark.parametrize("booted", [True, False])
def test_what_a_boot_has_started_is_stopped_before_the_swap(dash: Place, *, booted: bool) -> None:
    gate, stops = dash.home / "gate", dash.home / "stops"
    gate.touch()
    freeze = f'echo stop >>"{stops}"; while [ -e "{gate}" ]; do sleep 0.05; done'
    with contextlib.suppress(EOFError), dash.session(FLEET_KILL_POINT="flipped") as session:
        assert dash.stage(session, OLD, allow_downgrade=1).status == "ok"
        asked = keys(dash, freeze=freeze) | OLD.named() | {"allow_downgrade": 1}
        usual = {"nonce": "b1", "deadline": 600, "hook_timeout": 20, "boot_hook": "none"}
        session.request("activate", **dash.claim(**usual, **asked))
        until(stops.exists)
        lose_watchdog(dash)  # and who minds the data
        gate.unlink()
        assert was_killed(session.answer())
    assert (dash.active, read(dash)) == (OLD.id, "two")
    if booted:
        here = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        thaw = dash.records / "thaw"
        thaw.write_text(thaw.read_text().replace(here, "an-earlier-boot"))
    dash.token = 0
    with dash.session() as session:
        assert session.ask("activate", **dash.claim(**usual, **asked)).status == "ok"
    assert stops.read_text() == "stop\n" * (2 if booted else 1)
    assert is_old(dash)
    assert set(started(dash)) == {f"{OLD.version} one"}


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("point", [*POINTS, *ALONG])
def test_killed_anywhere_nothing_starts_with_what_it_cannot_read(
    dash: Place, point: str, *, stays: bool
) -> None:
    killed = struck(dash, point, lambda session: back(dash, session))
    with dash.session() as session:
        assert back(dash, session).status == "ok"
        assert is_old(dash)
        if stays:
            assert dash.confirm(session, OLD, "b1").status == "ok"
            assert dash.commit(session, OLD, "b1").status == "ok"
    if not stays:
        killed |= struck(dash, point, lambda session: dash.revert(session, "b1"))
        assert killed, f"nothing comes past {point}"
        dash.token = 0
        with dash.session() as session:
            assert dash.revert(session, "b1", release_lock=1).status == "ok"
        assert is_new(dash)
    assert set(started(dash)) <= MATCHING
    assert (dash.home / "service").read_text() == "runs\n"
    assert not left(dash)
