"""Backups of data: whole or not there, brought back by renames, whatever interrupts it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session, lose_watchdog, until

FOLDER = Path(__file__).parents[3] / "orchestrator/host/program"
POINTS = tuple(
    dict.fromkeys(
        point
        for part in ("backup.sh", "quiet.sh", "restore.sh")
        for point in re.findall(r"\bpoint (\w+)", (FOLDER / part).read_text())
    )
)
APP = Release(files={"bin/app": b"one"})
OWNER_ONLY = 0o600


def data_of(place: Place) -> Path:
    """Return a folder of data with all that may be in one."""
    folder = place.home / "shared/db"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "table").write_bytes(b"rows\n" * 1000)
    (folder / "deep/secret").write_bytes(b"s")
    (folder / "deep/secret").chmod(0o640)
    (folder / "deep/er").chmod(0o750)
    (folder / " a b'\n").write_bytes(b"odd")
    (folder / "link").symlink_to("deep/secret")
    (folder / "deep/up").symlink_to("../table")
    os.link(folder / "table", folder / "twin")
    return folder


def tree(folder: Path) -> dict[str, Any]:
    """Return what a folder holds: modes, bytes, targets."""
    found: dict[str, Any] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            mode = path.stat().st_mode & 0o7777
            found[name] = mode if path.is_dir() else (mode, path.read_bytes())
    return found


def services(place: Place) -> dict[str, Any]:
    """Return texts that stop and start a service, whose state is in the file ``service``."""
    mark = place.home / "service"
    return {"freeze": f"echo stopped >{mark}", "thaw": f"echo runs >{mark}"}


def keys(place: Place, *paths: Path, **more: Any) -> dict[str, Any]:
    lines = "\n".join(str(path) for path in paths or (place.home / "shared/db",))
    return {"paths": lines, "release_lock": 1, **more}


def backup(place: Place, session: Session, *paths: Path, **more: Any) -> Answer:
    answer = place.do(session, "backup", **keys(place, *paths, **more))
    place.token = 0
    return answer


def restore(place: Place, session: Session, name: str, *paths: Path, **more: Any) -> Answer:
    answer = place.do(
        session, "restore", more.pop("payload", b""), backup=name, **keys(place, *paths, **more)
    )
    place.token = 0
    return answer


def archives(place: Place) -> Path:
    return place.records / "backups/data"


def left(place: Place) -> list[str]:
    """Return what lies among the backups and beside the data that should not."""
    here = [path.name for path in archives(place).glob("*") if path.suffix in (".part", ".new")]
    return here + [str(path) for path in place.home.glob("shared/.*.fleet/new")]


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


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_converges_and_the_service_runs(dash: Place, point: str) -> None:
    folder, other = data_of(dash), dash.home / "shared/other"
    other.mkdir()
    (other / "x").write_bytes(b"old")
    before = tree(folder), tree(other)
    killed = killed_at(dash, point, "backup", folder, other)
    with dash.session() as session:
        made = backup(dash, session, folder, other, **services(dash))
        assert made.status == "ok", made.fields
        (folder / "table").write_bytes(b"new")
        (other / "x").write_bytes(b"new")
        wrong = tree(folder), tree(other)
    killed += killed_at(dash, point, "restore", folder, other, backup=made.backup)
    assert (tree(folder), tree(other)) in (before, wrong)
    with dash.session() as session:
        back = restore(dash, session, made.backup, folder, other, **services(dash))
        assert back.status == "ok", back.fields
    assert (tree(folder), tree(other)) == before
    assert killed, f"nothing comes past {point}"
    assert not left(dash)


def broken_off(dash: Place, freeze: str) -> Path:
    """Break a restore off, and whatever minds the data, while that is made to stop."""
    folder = data_of(dash)
    mark = dash.home / "service"
    with dash.session() as session:
        made = backup(dash, session)
        (folder / "table").write_bytes(b"later")
        texts = services(dash) | {"freeze": freeze}
        session.request("restore", **dash.claim(backup=made.backup, **keys(dash, **texts)))
        until(mark.exists)
        lose_watchdog(dash)  # and who minds the data
        os.kill(int((dash.records / "busy").readlink().name.split(".")[1]), signal.SIGKILL)
        assert "ended on the host" in session.answer().reason
    return folder


def test_what_was_broken_off_before_all_had_stopped_replaces_nothing(dash: Place) -> None:
    mark = dash.home / "service"
    folder = broken_off(dash, f"echo stopping >{mark}; sleep 60")
    with dash.session() as session:
        assert backup(dash, session).status == "ok"
    assert (folder / "table").read_bytes() == b"later"
    assert mark.read_text() == "runs\n"


@pytest.mark.parametrize("begun", [False, True])
def test_after_a_boot_only_what_was_begun_is_finished(dash: Place, *, begun: bool) -> None:
    folder, other = data_of(dash), dash.home / "shared/other"
    other.write_bytes(b"old")
    texts = services(dash)
    with dash.session() as session:
        made = backup(dash, session, folder, other)
    (folder / "table").write_bytes(b"new")
    other.write_bytes(b"new")
    slow = {"thaw": f"while [ -e {dash.home}/gate ]; do sleep 0.05; done; {texts['thaw']}"}
    (dash.home / "gate").touch()
    with dash.session() as session:
        asked = keys(dash, folder, other, **texts | slow)
        session.request("restore", **dash.claim(backup=made.backup, **asked))
        until(lambda: other.read_bytes() == b"old")
        lose_watchdog(dash)
        os.kill(int((dash.records / "busy").readlink().name.split(".")[1]), signal.SIGKILL)
        assert "ended on the host" in session.answer().reason
    (dash.home / "gate").unlink()
    undo_swap(other)
    if not begun:
        undo_swap(folder)
    thaw = dash.records / "thaw"
    here = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    thaw.write_text(thaw.read_text().replace(here, "an-earlier-boot"))
    with dash.session() as session:
        assert dash.do(session, "withdraw", **APP.named()).status == "ok"
    assert other.read_bytes() == (b"old" if begun else b"new")
    assert (folder / "table").read_bytes() == (b"rows\n" * 1000 if begun else b"new")
    assert not left(dash)
    told = [json.loads(line) for line in (dash.records / "history.jsonl").read_text().splitlines()]
    [woken] = [line for line in told if line["at"] == "thaw"]
    assert ("nothing was replaced" in woken["reason"]) is not begun


def undo_swap(path: Path) -> None:
    """Have what a restore brought lie beside the data again, as before the swap."""
    beside = path.parent / f".{path.name}.fleet"
    [aside] = [it for it in beside.iterdir() if it.name != "new"]
    new = beside / f"new{path}"
    new.parent.mkdir(parents=True, exist_ok=True)
    path.rename(new)
    aside.rename(path)


def killed_at(dash: Place, point: str, operation: str, *paths: Path, **more: Any) -> int:
    """Do an operation that is killed at a point; return whether it was, once the service runs."""
    answered = False
    with contextlib.suppress(EOFError), dash.session(FLEET_KILL_POINT=point) as session:
        texts = services(dash)
        answer = session.ask(operation, **dash.claim(**keys(dash, *paths, **texts, **more)))
        answered = "ended on the host" not in answer.reason
    until(lambda: not (dash.records / "thaw").exists())
    mark = dash.home / "service"
    assert not mark.exists() or mark.read_text() == "runs\n"
    return not answered
