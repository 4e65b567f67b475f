"""What a host lets go of: old releases and old backups, never the active or previous release."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, Session

NEW = Release(files={"app": b"two"}, version="2.0.0")
RELEASES = [Release(files={"app": b"one"}, version=f"1.0.{n}") for n in range(5)]
DAY = 86400


@pytest.fixture
def aged(place: Place) -> Iterator[Session]:
    """Install five releases, laid down 50, 40, 30, 20 and 10 days ago, and confirm a sixth."""
    with place.session() as session:
        for number, release in enumerate(RELEASES):
            place.install(session, release, f"k{number}", keep=9)
            then = int(time.time()) - (5 - number) * 10 * DAY
            mark = place.release(release) / ".fleet/complete"
            mark.write_text(f"{then} {release.digest}\n")
        place.stage(session, NEW)
        place.activate(session, NEW)
        place.confirm(session, NEW)
        yield session


def commit(place: Place, session: Session, **limits: Any) -> list[str]:
    answer = place.do(session, "commit", **NEW.named(), nonce="n1", **limits)
    assert answer.status == "ok", answer.fields
    return sorted(path.name for path in (place.home / "releases").iterdir())


def left(*numbers: int) -> list[str]:
    return [*(RELEASES[n].id for n in numbers), NEW.id]


def test_by_number(place: Place, aged: Session) -> None:
    assert commit(place, aged, keep=4) == left(2, 3, 4)


def test_by_age(place: Place, aged: Session) -> None:
    assert commit(place, aged, keep=9, keep_age=25 * DAY) == left(3, 4)


def test_by_free_space_all_that_may_go_goes(place: Place, aged: Session) -> None:
    assert commit(place, aged, keep=9, keep_free_kib=10**12) == left(4)


def test_free_space_enough(place: Place, aged: Session) -> None:
    assert commit(place, aged, keep=9, keep_free_kib=1, keep_age=0) == left(0, 1, 2, 3, 4)


def test_what_no_manifest_names_stays(dash: Place) -> None:
    release = replace(RELEASES[0], folders={"d": 0o755})
    with dash.session() as session:
        dash.install(session, release, "k0")
        (dash.release(release) / "d/mine").write_text("mine")
        dash.install(session, RELEASES[1], "k1")
        dash.install(session, NEW, "k2", keep=2)
    found = [path for path in dash.release(release).rglob("*") if path.is_file()]
    assert found == [dash.release(release) / "d/mine"]


def test_what_lies_behind_a_link_in_a_folders_place_stays(place: Place) -> None:
    old = Release(files={"conf/app": b"one", "d/e/f": b"x"}, version="1.0.0")
    behind = place.root / "srv"
    (behind / "e").mkdir(parents=True)
    for path in ("app", "e/f"):
        (behind / path).write_text("precious")
    with place.session() as session:
        place.install(session, old, "k0")
        for name in ("conf", "d"):
            shutil.rmtree(place.release(old) / name)
            (place.release(old) / name).symlink_to(behind)
        place.install(session, RELEASES[1], "k1", overwrite_all=1)
        place.install(session, NEW, "k2", keep=2)
    assert not place.release(old).exists()
    assert [(behind / path).read_text() for path in ("app", "e/f")] == ["precious"] * 2


def test_a_removal_that_was_broken_off_is_finished(dash: Place, tmp_path: Path) -> None:
    deadly = tmp_path / "bin/rm"
    deadly.parent.mkdir()
    deadly.write_text("""#!/bin/sh
case "$*" in "-f -- ./app") kill -9 0 ;; esac
exec /bin/rm "$@"
""")
    deadly.chmod(0o755)
    old = dash.release(RELEASES[0])
    with dash.session() as session:
        dash.install(session, RELEASES[0], "k0")
        dash.install(session, RELEASES[1], "k1")
    path = f"{deadly.parent}:{dash.environment['PATH']}"
    with dash.session(PATH=path) as session, pytest.raises(EOFError):
        dash.install(session, NEW, "k2", keep=2)
    assert (old / "app").exists()
    dash.token = 0
    with dash.session() as session:
        assert dash.commit(session, NEW, "k2", keep=2).status == "ok"
    assert not old.exists()


def test_backups_by_number_and_age(place: Place, aged: Session) -> None:
    now = int(time.time())
    folder = place.records / "backups"
    names = [f"{now - age * DAY}-1.0.0-{age}" for age in (40, 30, 20, 10)]
    for name in [*names, "not ours", "1.0.0-abc.1700000000"]:
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("x")
    commit(place, aged, backups=3, backups_age=25 * DAY)
    found = {path.name for path in folder.iterdir()}
    assert found == {*names[2:], "not ours", "1.0.0-abc.1700000000"}


def test_a_listing_that_someone_spoiled_is_not_run(dash: Place) -> None:
    with dash.session() as session:
        dash.install(session, RELEASES[0], "k0")
        (dash.release(RELEASES[0]) / ".fleet/listing").write_text("d 0755 ../$(touch pwned)\n")
        dash.install(session, RELEASES[1], "k1", overwrite_all=1)
        dash.install(session, NEW, "k2", keep=2)
    assert not list(dash.root.parent.rglob("pwned"))
    assert (dash.release(RELEASES[0]) / "app").exists()


@pytest.mark.parametrize("limit", ["keep", "keep_age", "keep_free_kib", "backups", "backups_age"])
def test_limits_are_numbers(dash: Place, limit: str) -> None:
    with dash.session() as session:
        wrong: dict[str, Any] = {limit: "all"}
        answer = dash.do(session, "commit", **NEW.named(), nonce="n1", **wrong)
    assert (answer.status, answer.reason) == ("error", f"not a number in {limit}")
