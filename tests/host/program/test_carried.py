"""An archive of data that was carried away comes back whole, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.backing_up import (
    APP,
    OWNER_ONLY,
    archives,
    backup,
    data_of,
    keys,
    left,
    restore,
    services,
    tree,
)
from tests.host.program.driver import Answer, Place, Session


def carried_away(place: Place) -> Path:
    """Return an archive of data, which the host no longer has; nor has it the data."""
    data_of(place)
    with place.session() as session:
        place.install(session, APP)
        made = backup(place, session)
    away = place.home.with_name("away")
    archives(place).rename(away)
    (place.home / "shared/db").rename(away / "db")
    return away / Path(made.archive).name


def bring(place: Place, session: Session, archive: Path, **changes: Any) -> Answer:
    data = archive.read_bytes()
    usual = {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "suffix": archive.suffix[1:],
    }
    name = changes.pop("backup", backup_of(archive))
    return restore(place, session, name, payload=data, **(usual | services(place) | changes))


def backup_of(archive: Path) -> str:
    return archive.name[: archive.name.index(".tar.")]


def test_it_comes_back_with_the_data(place: Place) -> None:
    archive = carried_away(place)
    with place.session() as session:
        done = bring(place, session, archive)
        assert (done.status, done.restored) == ("ok", str(place.home / "shared/db")), done.fields
        assert tree(place.home / "shared/db") == tree(archive.parent / "db")
        [known] = session.ask("backups", **place.where()).backups
        assert known["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
        assert (known["release"], known["paths"]) == (APP.id, str(place.home / "shared/db"))
        assert int(archive.name.split("-")[0]) == known["epoch"]
        kept = Path(known["archive"])
        assert kept.stat().st_mode & 0o777 == OWNER_ONLY
        assert bring(place, session, archive).status == "ok"
        assert session.ask("ping").status == "ok"
    assert kept.read_bytes() == archive.read_bytes()
    assert not left(place)


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"sha256": "0" * 64}, "no", "is damaged: its hash is not the one recorded"),
        ({"sha256": "x; true"}, "error", "not a sha256: x; true"),
        ({"suffix": "xz"}, "error", "no such archive: xz"),
        ({"bytes": "1e9"}, "error", "not a number of bytes: 1e9"),
    ],
)
def test_what_is_not_as_it_was_told_is_refused(
    dash: Place, changes: dict[str, Any], status: str, why: str
) -> None:
    archive = carried_away(dash)
    with dash.session() as session:
        refused = bring(dash, session, archive, **changes)
        assert refused.status == status
        assert why in refused.reason
    assert not list(archives(dash).glob("*"))
    assert not (dash.home / "shared/db").exists()


@pytest.mark.parametrize("name", ["../../x", "7", "x-1", "1-", "1-a b", "-1-x", "1-x/y"])
def test_its_name_is_hostile_until_checked(dash: Place, name: str) -> None:
    archive = carried_away(dash)
    with dash.session() as session:
        refused = bring(dash, session, archive, backup=name)
        assert (refused.status, refused.reason) == ("error", f"not the name of a backup: {name}")
        assert session.ask("ping").status == "ok"
    assert not list(dash.records.rglob("*.part"))


def test_a_request_that_is_refused_reads_its_payload(dash: Place) -> None:
    archive = carried_away(dash)
    with dash.session() as session:
        assert bring(dash, session, archive, paths="not/absolute").status == "error"
        assert bring(dash, session, archive, package="../x").status == "error"
        assert session.ask("ping").status == "ok"


def test_what_is_no_archive_is_not_kept(dash: Place) -> None:
    archive = carried_away(dash)
    archive.write_bytes(archive.read_bytes()[:-40])
    with dash.session() as session:
        refused = bring(dash, session, archive)
        assert (refused.status, refused.reason) == ("no", "the backup that came cannot be unpacked")
    assert not list(archives(dash).glob("*"))


def test_another_of_its_name_stays(dash: Place) -> None:
    archive = carried_away(dash)
    with dash.session() as session:
        assert bring(dash, session, archive).status == "ok"
        other = archive.with_name(f"new-{archive.name}")
        other.write_bytes(archive.read_bytes() + b"\0")
        refused = bring(dash, session, other.rename(archive))
        assert "there is another backup" in refused.reason
        [known] = session.ask("backups", **dash.where()).backups
    assert hashlib.sha256(Path(known["archive"]).read_bytes()).hexdigest() == known["sha256"]


@pytest.mark.parametrize("point", ["data_arrived", "about_written", "data_kept", "data_unpacked"])
def test_killed_anywhere_it_comes_back_when_asked_again(dash: Place, point: str) -> None:
    archive = carried_away(dash)
    with contextlib.suppress(EOFError), dash.session(FLEET_KILL_POINT=point) as session:
        assert "ended on the host" in bring(dash, session, archive).reason
    with dash.session() as session:
        assert bring(dash, session, archive).status == "ok"
    assert (dash.home / "shared/db/table").exists()
    assert not left(dash)


def test_a_transfer_that_is_cut_leaves_the_data(dash: Place) -> None:
    archive = carried_away(dash)
    data = archive.read_bytes()
    sent = {"sha256": hashlib.sha256(data).hexdigest(), "suffix": archive.suffix[1:]}
    words = dash.claim(**keys(dash, backup=backup_of(archive), bytes=len(data), **sent))
    with dash.session() as session:
        session.request("restore", data[:100], **words)
        session.hang_up()
    assert not (dash.home / "shared/db").exists()
    with dash.session() as session:
        assert bring(dash, session, archive).status == "ok"
