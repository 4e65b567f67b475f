"""Backups of data: whole or not there, and brought back by renames."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

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
from tests.host.program.driver import Answer, Place, until


def test_data_goes_into_an_archive_and_comes_back(place: Place) -> None:
    folder = data_of(place)
    before = tree(folder)
    with place.session() as session:
        place.install(session, APP)
        made = backup(place, session, **services(place))
        assert made.status == "ok", made.fields
        assert made.backup.endswith(f"-{APP.id}")
        archive = Path(made.archive)
        assert archive.stat().st_mode & 0o777 == OWNER_ONLY
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == made.sha256
        shutil.rmtree(folder / "deep")
        (folder / "table").write_bytes(b"lost")
        (folder / "later").write_bytes(b"l")
        wrong = tree(folder)
        back = restore(place, session, made.backup, **services(place))
        assert back.status == "ok", back.fields
        assert session.ask("probe", **place.where(), **APP.named()).lock is None
    assert tree(folder) == before
    assert back.restored == str(folder)
    assert tree(Path(back.old)) == wrong
    assert (place.home / "service").read_text() == "runs\n"
    assert not left(place)


def test_a_list_tells_of_all_and_an_archive_is_sent(place: Place) -> None:
    data_of(place)
    with place.session() as session:
        assert session.ask("backups", **place.where()).backups == []
        place.install(session, APP)
        made = backup(place, session)
        [told] = session.ask("backups", **place.where()).backups
        assert told["backup"] == made.backup
        assert (told["release"], told["by"]) == (APP.id, "somebody")
        assert told["paths"] == str(place.home / "shared/db")
        sent = session.ask("fetch", backup=made.backup, **place.where())
        assert (sent.status, sent.sha256) == ("ok", made.sha256)
        assert base64.b64decode("".join(sent.live)) == Path(made.archive).read_bytes()
        assert session.ask("fetch", backup="1-none", **place.where()).status == "no"


def test_a_run_that_asks_again_gets_what_it_has(dash: Place) -> None:
    data_of(dash)
    with dash.session() as session:
        first = backup(dash, session)
        assert backup(dash, session).backup == first.backup
        dash.run = "run-2"
        assert backup(dash, session).backup != first.backup


def test_old_ones_go_and_the_newest_stays(dash: Place) -> None:
    data_of(dash)
    with dash.session() as session:
        for number in range(4):
            dash.run = f"run-{number}"
            made = backup(dash, session, backups=2)
        dash.run = "last"
        alone = backup(dash, session, backups=0)
    names = {path.name.split(".tar")[0] for path in archives(dash).glob("*.tar.*")}
    assert names == {alone.backup} != {made.backup}
    assert len(list(archives(dash).iterdir())) == len({"archive", "about"})


def test_gzip_where_there_is_no_zstd(dash: Place, tmp_path: Path) -> None:
    folder = data_of(dash)
    before = tree(folder)
    with dash.session(PATH=without(tmp_path, "zstd")) as session:
        made = backup(dash, session)
        assert made.archive.endswith(".tar.gz")
        shutil.rmtree(folder)
        back = restore(dash, session, made.backup)
        assert (back.status, back.old) == ("ok", "")
    assert tree(folder) == before


def without(tmp_path: Path, name: str) -> str:
    """Return a PATH that has everything but one program."""
    folder = tmp_path / "bin-without"
    folder.mkdir()
    for place in ("/bin", "/usr/bin"):
        for program in Path(place).iterdir():
            with contextlib.suppress(FileExistsError):
                if program.name != name:
                    (folder / program.name).symlink_to(program)
    return str(folder)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("relative", "not a path"),
        ("/", "not a path"),
        ("/a/../b", "not a path"),
        ("/a/*", "not a path"),
        ("/a//b", "not a path"),
        ("{root}", "fleet's own folders"),
        ("{state}/gateway", "fleet's own folders"),
    ],
)
def test_paths_are_hostile_until_checked(dash: Place, path: str, why: str) -> None:
    with dash.session() as session:
        path = path.format(root=dash.root, state=dash.state)
        answer = dash.do(session, "backup", paths=path)
    assert answer.status == "error"
    assert why in answer.reason


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../secret", "deep/../../../x"])
def test_a_link_that_leads_out_is_in_no_backup(place: Place, target: str) -> None:
    (data_of(place) / "stray").symlink_to(target)
    with place.session() as session:
        answer = backup(place, session, **services(place))
    assert answer.status == "no"
    assert "the link stray leads out of the declared paths" in answer.reason
    assert not (place.home / "service").exists()


def test_links_between_declared_paths_are_fine(dash: Place, tmp_path: Path) -> None:
    folder, other = data_of(dash), tmp_path / "srv data"
    other.mkdir()
    (other / "back").symlink_to(folder / "table")
    (folder / "over").symlink_to(other)
    with dash.session() as session:
        made = backup(dash, session, folder, other)
        shutil.rmtree(other)
        assert restore(dash, session, made.backup, folder, other).status == "ok"
    assert (other / "back").read_bytes() == (folder / "table").read_bytes()


def test_nothing_there_is_nothing_to_back_up(dash: Place) -> None:
    with dash.session() as session:
        answer = backup(dash, session)
    assert (answer.status, "backup" in answer.fields) == ("ok", False)
    assert "none of the declared paths" in answer.reason


def test_a_service_that_does_not_stop_is_started_again(place: Place) -> None:
    data_of(place)
    texts = services(place) | {"freeze": "echo no; exit 3"}
    with place.session() as session:
        answer = backup(place, session, **texts)
    assert (answer.status, answer.reason) == ("failed", "freeze: exit status 3: no")
    assert (place.home / "service").read_text() == "runs\n"
    assert not list(archives(place).glob("*"))


def test_a_full_disk_leaves_nothing(dash: Place, tmp_path: Path) -> None:
    data_of(dash)
    packer = tmp_path / "full"
    packer.mkdir()
    (packer / "zstd").write_text("#!/bin/sh\nhead -c 100\nexit 1\n")
    (packer / "zstd").chmod(0o755)
    path = f"{packer}:{dash.environment['PATH']}"
    with dash.session(PATH=path) as session:
        answer = backup(dash, session, **services(dash))
    assert answer.status == "failed"
    assert "is the disk full?" in answer.reason
    assert (dash.home / "service").read_text() == "runs\n"
    assert not list(archives(dash).iterdir())


def test_too_little_room_is_seen_before_anything_is_stopped(dash: Place, tmp_path: Path) -> None:
    data_of(dash)
    tools = tmp_path / "little"
    tools.mkdir()
    (tools / "df").write_text("#!/bin/sh\necho head\necho /dev/x 9 9 3 99% /\n")
    (tools / "df").chmod(0o755)
    with dash.session(PATH=f"{tools}:{dash.environment['PATH']}") as session:
        answer = backup(dash, session, **services(dash))
    assert answer.status == "no"
    assert "3 KiB are free" in answer.reason
    assert not (dash.home / "service").exists()


def forged(place: Place, made: Answer, fill: Callable[[tarfile.TarFile], None]) -> None:
    """Replace an archive by another one, as if the host had written it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        fill(tar)
    Path(made.archive).unlink()
    data = gzip.compress(packed.getvalue())
    (archives(place) / f"{made.backup}.tar.gz").write_bytes(data)
    about = archives(place) / f"{made.backup}.about"
    about.write_text(about.read_text().replace(made.sha256, hashlib.sha256(data).hexdigest()))


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    if target == "set-uid":
        info.mode, info.linkname = 0o4755, ""
    return info


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([("/etc/cron.d/x", tarfile.REGTYPE, "")], "not declared"),
        ([("../../x", tarfile.REGTYPE, "")], "not declared"),
        ([("{db}/../../x", tarfile.REGTYPE, "")], "not declared"),
        ([("{db}x", tarfile.REGTYPE, "")], "not declared"),
        ([("{db}/l", tarfile.SYMTYPE, "/etc")], "the link l leads out"),
        ([("{db}/l", tarfile.SYMTYPE, "../../../..")], "the link l leads out"),
        ([("{db}/l", tarfile.SYMTYPE, "/etc"), ("{db}/l/x", tarfile.REGTYPE, "")], ""),
        ([("{db}/d", tarfile.SYMTYPE, "."), ("{db}/l", tarfile.SYMTYPE, "d/../..")], "l leads out"),
        ([("{db}/h", tarfile.LNKTYPE, "/etc/hostname")], ""),
        ([("{db}/null", tarfile.CHRTYPE, "")], "device"),
        ([("{db}", tarfile.SYMTYPE, "/etc")], "is a link"),
        ([("{db}", tarfile.SYMTYPE, "/etc/hostname")], "is a link"),
        ([("{db}", tarfile.CHRTYPE, "")], "neither a file nor a folder"),
        ([("{db}/s", tarfile.REGTYPE, "set-uid")], "runs as its owner"),
    ],
)
def test_a_hostile_archive_brings_nothing(
    place: Place, members: list[tuple[str, bytes, str]], why: str
) -> None:
    folder = data_of(place)
    before = tree(folder)

    def fill(tar: tarfile.TarFile) -> None:
        if members[0][0] != "{db}":
            tar.addfile(member(f".{folder}", tarfile.DIRTYPE))
        for name, kind, target in members:
            tar.addfile(member(name.format(db=f".{folder}"), kind, target))

    with place.session() as session:
        made = backup(place, session)
        forged(place, made, fill)
        answer = restore(place, session, made.backup, **services(place))
    assert answer.status in ("no", "failed"), answer.fields
    assert why in answer.reason
    assert tree(folder) == before
    assert not (place.home / "service").exists()
    assert not left(place)
    assert not Path("/etc/cron.d/x").exists()


def test_a_damaged_archive_is_known_by_its_hash(dash: Place) -> None:
    before = tree(folder := data_of(dash))
    with dash.session() as session:
        made = backup(dash, session)
        with Path(made.archive).open("r+b") as file:
            file.write(b"?")
        answer = restore(dash, session, made.backup, **services(dash))
    assert (answer.status, "damaged" in answer.reason) == ("no", True)
    assert tree(folder) == before


def test_two_at_once_are_one(dash: Place) -> None:
    data_of(dash)
    gate = dash.home / "gate"
    gate.touch()
    slow = f"while [ -e {gate} ]; do sleep 0.05; done"
    with dash.session() as one, dash.session() as two:
        one.request("backup", **dash.claim(**keys(dash, freeze=slow)))
        until(lambda: (dash.records / "thaw").exists())
        other = two.ask("backup", **dash.claim(run="run-2", **keys(dash)))
        gate.unlink()
        assert one.answer().status == "ok"
    assert other.status == "locked"


def test_not_during_a_trial(dash: Place) -> None:
    data_of(dash)
    with dash.session() as session:
        made = backup(dash, session)
        dash.token = 0
        dash.stage(session, APP)
        assert dash.activate(session, APP).status == "ok"
        answer = restore(dash, session, made.backup)
        dash.token = 0
        dash.revert(session)
    assert answer.status == "no"
    assert "on" in answer.reason
