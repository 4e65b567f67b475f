"""What a doctor is told beside facts, probe and history."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session, until

OLD = Release(files={"app": b"one"})
NEW = Release(files={"app": b"two"}, version="2.0.0")


def diagnose(place: Place, session: Session, **keys: Any) -> Answer:
    return session.ask("diagnose", **(place.where() | keys))


def tree(folder: Path) -> dict[str, float]:
    return {str(path): path.lstat().st_mtime for path in folder.rglob("*")}


def test_a_host_that_has_nothing_yet(place: Place) -> None:
    with place.session() as session:
        answer = session.ask("diagnose", root=place.root, state=place.state)
        assert (answer.status, answer.packages) == ("ok", [])
        told = diagnose(place, session)
    root, state = answer.disks
    assert (root["what"], state["what"]) == ("root", "state")
    assert root["folder"] == str(place.root.parent)
    assert root["size_kib"] > root["free_kib"] > 0
    assert (root["writable"], root["read_only"]) == (True, False)
    usage = os.statvfs(place.root.parent)
    assert root["inodes"] == usage.f_files
    assert told.fields.get("lock") is None
    assert (told.incomplete, told.damage, told.backups) == ([], [], 0)
    assert not place.root.exists()
    assert not place.state.exists()


def test_who_holds_the_lock_since_when_and_whether_that_binds(place: Place) -> None:
    with place.session() as looking:
        with place.session() as session:
            place.stage(session, OLD)
            before = tree(place.root.parent)
            lock = diagnose(place, looking).lock
            assert tree(place.root.parent) == before
            assert (lock["run"], lock["owner"]) == ("run-1", "somebody")
            assert (lock["binds"], lock["lives"]) == (True, True)
            assert 590 <= lock["expires_in"] <= 600
            assert lock["since"] == int((place.records / "token").stat().st_mtime)
        lock = diagnose(place, looking).lock
        assert (lock["binds"], lock["lives"]) == (False, False)


def test_releases_that_are_not_whole_and_all_packages_there_are(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD)
        torn = place.release(NEW)
        torn.mkdir()
        (place.root / "other/releases").mkdir(parents=True)
        (place.root / "other/releases/x y").mkdir()
        answer = diagnose(place, session)
        assert answer.incomplete == [NEW.id]
        assert sorted(answer.packages) == ["gateway", "other"]
        assert answer.at_work is False


def test_what_is_at_work(place: Place) -> None:
    with place.session() as session, place.session() as looking:
        place.install(session, OLD)
        place.stage(session, NEW)
        hook = "touch $FLEET_SHARED/begun; while [ -e $FLEET_SHARED/begun ]; do sleep 0.05; done"
        session.request("activate", **place.claim(), **NEW.named(), nonce="n1", pre_activate=hook)
        until((place.home / "shared/begun").exists)
        assert diagnose(place, looking).at_work is True
        (place.home / "shared/begun").unlink()
        assert session.answer().status == "ok"
        place.revert(session)


@pytest.mark.parametrize("record", ["lock", "undo", "trial", "last", "seen"])
def test_a_damaged_record_is_named_and_not_run(place: Place, record: str) -> None:
    with place.session() as session:
        place.install(session, OLD)
        (place.records / record).write_text(f"touch {place.root}/pwned\n")
        assert diagnose(place, session).damage == [record]
    assert not (place.root / "pwned").exists()


def test_services_and_backups(place: Place, tmp_path: Path) -> None:
    fake = tmp_path / "fakes"
    fake.mkdir()
    systemctl = '[ "$3" != good.service ] || exec echo active; echo inactive; exit 3'
    for name, text in (("service", '[ "$1 $2" = "good status" ]'), ("systemctl", systemctl)):
        (fake / name).write_text(f"#!/bin/sh\n{text}\n")
        (fake / name).chmod(0o755)
    with place.session(PATH=f"{fake}:{place.environment['PATH']}") as session:
        place.install(session, OLD)
        (place.records / "backups/100-x").mkdir(parents=True)
        (place.records / "backups/data").mkdir()
        for name in ("200-b.tar.gz", "100-a.tar.zst", "100-a.about"):
            (place.records / "backups/data" / name).touch()
        answer = diagnose(place, session, services="good.service\nbad one;rm -rf /\n")
    states = [(it["name"], it["state"]) for it in answer.services]
    assert states == [("good.service", "active"), ("bad one;rm -rf /", "inactive")]
    assert (answer.backups, answer.data_backups) == (1, ["100-a", "200-b"])


def test_folders_that_are_not_there_and_that_are_none(place: Place, tmp_path: Path) -> None:
    shutil.rmtree(place.root, ignore_errors=True)
    with place.session() as session:
        answer = session.ask("diagnose", root="/proc/nowhere", state="/sys")
        assert answer.disks[0]["mount"] == "/proc"
        assert answer.disks[0]["size_kib"] == 0
        assert session.ask("diagnose", root="here", state="/sys").status == "error"
