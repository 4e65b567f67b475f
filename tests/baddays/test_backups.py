"""Backups of data over real SSH: made, listed, carried home, brought back."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.baddays.site import OLD, PACKAGE, Area, Site
from tests.labs import eventually

pytestmark = pytest.mark.ssh

DATA = {"paths": ["data/db", "{{ fleet_root }}-srv"], "freeze": "true", "thaw": "true"}


@pytest.fixture
def area(request: pytest.FixtureRequest, site: Site) -> Area:
    """An area whose hosts have the old release, and data."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    made = site.area(name, package={"data": DATA})
    made.apply(OLD)
    for disk in made.disks:
        fill(disk.root / "shared/data/db", "rows")
        fill(srv(disk.host.root), "files")
    return made


def srv(root: Path) -> Path:
    return root.with_name(f"{root.name}-srv")


def fill(folder: Path, text: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/file").write_text(text)
    (folder / "deep/file").chmod(0o640)
    (folder / "link").symlink_to("deep/file")
    (folder / "deep").chmod(0o750)


def held(folder: Path) -> tuple[str, int, int, str]:
    file = folder / "deep/file"
    modes = file.stat().st_mode & 0o777, (folder / "deep").stat().st_mode & 0o777
    return (file.read_text(), *modes, str((folder / "link").readlink()))


def documents(text: str) -> dict[str, dict[str, Any]]:
    return {it["host"]: it for it in json.loads(text)}


def test_data_goes_home_and_comes_back(area: Area, tmp_path: Path) -> None:
    here = tmp_path / "here"
    done = area.fleet("hosts", "backup", area.plan, "--to", here, "--json")
    for host, told in documents(done.stdout).items():
        made = told["backup"]
        archive = here / host / PACKAGE / Path(made["archive"]).name
        assert told["here"] == str(archive)
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == made["sha256"]
        assert archive.with_name(f"{archive.name}.sha256").read_text().startswith(made["sha256"])
        assert archive.stat().st_mode & 0o777 == 0o600
    for disk in area.disks:
        fill(disk.root / "shared/data/db", "wrong")
        (srv(disk.host.root) / "deep/file").write_text("wrong")
    [first, *others] = area.disks
    area.fleet(
        "hosts", "restore", area.plan, "--from", "latest", "--hosts", first.host.name, "--yes"
    )
    assert held(first.root / "shared/data/db") == ("rows", 0o640, 0o750, "deep/file")
    assert held(srv(first.host.root)) == ("files", 0o640, 0o750, "deep/file")
    assert held(others[0].root / "shared/data/db")[0] == "wrong"
    listed = area.fleet("hosts", "backups", area.plan, "--json")
    name = documents(listed.stdout)[others[0].host.name]["backups"][0]["name"]
    done = area.fleet(
        "hosts", "restore", area.plan, "--from", name, "-l", others[0].host.name, "--yes"
    )
    assert "what was there is in" in done.stdout
    assert held(others[0].root / "shared/data/db")[0] == "rows"
    assert not first.locked


def test_a_host_that_lost_all_gets_its_data_from_the_ops_box(area: Area, tmp_path: Path) -> None:
    here = tmp_path / "here"
    area.fleet("hosts", "backup", area.plan, "--to", here)
    for disk in area.disks:
        shutil.rmtree(disk.state / "backups")
        shutil.rmtree(disk.root / "shared/data/db")
        shutil.rmtree(srv(disk.host.root))
    first = area.disks[0]
    [sums] = (here / first.host.name).rglob("*.sha256")
    whole, damaged = sums.read_text(), "0" * 64 + sums.read_text()[64:]
    sums.write_text(damaged)
    done = area.fleet("hosts", "restore", area.plan, "--from", here, "--yes", expect=2)
    assert f"{first.host.name}  {PACKAGE}  not restored: the backup that came is dam" in done.stdout
    assert not (first.root / "shared/data/db").exists()
    sums.write_text(whole)
    area.fleet("hosts", "restore", area.plan, "--from", here, "-l", first.host.name, "--yes")
    for disk in area.disks:
        assert held(disk.root / "shared/data/db") == ("rows", 0o640, 0o750, "deep/file")
        assert held(srv(disk.host.root)) == ("files", 0o640, 0o750, "deep/file")
    listed = documents(area.fleet("hosts", "backups", area.plan, "--json").stdout)
    assert {len(told["backups"]) for told in listed.values()} == {1}


def test_an_archive_without_its_hash_is_not_sent(area: Area, tmp_path: Path) -> None:
    here, host = tmp_path / "here", area.hosts[0]
    area.fleet("hosts", "backup", area.plan, "--to", here, "-l", host)
    nowhere = ("hosts", "restore", area.plan, "--from", f"{here}/nowhere", "--yes")
    assert "there is no such folder" in area.fleet(*nowhere, expect=5).stderr
    [sums] = here.rglob("*.sha256")
    sums.with_name("9999999999-x.tar.gz").mkdir()
    spoils: list[tuple[Callable[[], object], str]] = [
        (lambda: sums.write_text("x"), "not a sha256: x"),
        (lambda: sums.write_text(""), f"{sums} is unusable"),
        (sums.unlink, f"cannot read {sums}"),
        (lambda: shutil.rmtree(sums.parent), f"no backup in {sums.parent}"),
    ]
    for spoil, why in spoils:
        spoil()
        done = area.fleet(
            *("hosts", "restore", area.plan, "--from", here, "-l", host, "--yes"), expect=2
        )
        assert why in done.stdout


def test_a_host_that_tells_nonsense_is_alone_with_it(area: Area) -> None:
    area.fleet("hosts", "backup", area.plan)
    liar, *others = area.disks
    [about] = (liar.state / "backups/data").glob("*.about")
    about.write_text(f"{about.read_text()}about_epoch='99999999999999'\n")
    done = area.fleet("hosts", "backups", area.plan, expect=2)
    lines = done.stdout.splitlines()
    assert f"{liar.host.name}  {PACKAGE}  the host program's answer has an unusable" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == [disk.host.name for disk in others]


def test_nothing_is_replaced_unasked(area: Area) -> None:
    area.fleet("hosts", "backup", area.plan)
    fill(area.disks[0].root / "shared/data/db", "later")
    done = area.fleet("hosts", "restore", area.plan, "--from", "latest", expect=3)
    assert "add --yes" in done.stderr
    assert held(area.disks[0].root / "shared/data/db")[0] == "later"
    area.fleet("hosts", "restore", area.plan, expect=5)


def test_the_latest_is_no_folder(area: Area, tmp_path: Path, monkeypatch: Any) -> None:
    area.fleet("hosts", "backup", area.plan)
    fill(area.disks[0].root / "shared/data/db", "later")
    (tmp_path / "latest").mkdir()
    monkeypatch.chdir(tmp_path)
    back = ("hosts", "restore", area.plan, "-l", area.hosts[0], "--yes", "--from")
    assert "no backup in latest/" in area.fleet(*back, "./latest", expect=2).stdout
    area.fleet(*back, "latest")
    assert held(area.disks[0].root / "shared/data/db")[0] == "rows"


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_host_that_is_left_alone_goes_on(site: Site, command: str) -> None:
    waits = 'touch "$FLEET_ROOT/frozen"; while [ -e "$FLEET_ROOT/hold" ]; do sleep 0.05; done'
    thaws = 'rm "$FLEET_ROOT/frozen"'
    data = {"paths": ["data/db"], "freeze": waits, "thaw": thaws}
    area = site.area(f"left-{command}", hosts=1, package={"data": data})
    area.apply(OLD)
    [disk] = area.disks
    fill(disk.root / "shared/data/db", "rows")
    area.fleet("hosts", "backup", area.plan)
    hold, frozen = (disk.root.with_name(name) for name in ("hold", "frozen"))
    hold.touch()
    words = ("--from", "latest", "--yes") if command == "restore" else ()
    with area.start("hosts", command, area.plan, *words) as running:
        assert eventually(frozen.exists, within=20)
        running.send(signal.SIGINT)
        assert running.wait() == 99
    assert "start again what they had stopped, by themselves" in running.stderr
    assert f"hint: to see where they stand: fleet doctor {area.plan}" in running.stderr
    assert eventually(lambda: not frozen.exists(), within=20)
    told = area.fleet("doctor", area.plan).stdout
    assert f"fleet hosts {command} {area.plan} -l {disk.host.name} --package {PACKAGE}" in told
    assert held(disk.root / "shared/data/db")[0] == "rows"


def test_a_name_that_is_not_there(area: Area) -> None:
    done = area.fleet("hosts", "restore", area.plan, "--from", "12-x", "--yes", expect=2)
    assert "no backup 12-x" in done.stdout


def test_a_full_ops_box_leaves_nothing(area: Area, tmp_path: Path) -> None:
    big = area.disks[0].root / "shared/data/db/big"
    big.write_bytes(random.Random(1).randbytes(200_000))
    host = area.hosts[0]
    done = area.fleet(
        *("hosts", "backup", area.plan, "-l", host, "--to", tmp_path / "here"),
        expect=2,
        within=100_000,
    )
    assert "File too large" in done.stdout
    assert not [path for path in (tmp_path / "here").rglob("*") if path.is_file()]


def test_without_data_there_is_nothing_to_do(site: Site, old: Area) -> None:
    area = site.area("no-data", like=old)
    done = area.fleet("hosts", "backup", area.plan, expect=5)
    assert "no package of the plan declares data" in done.stderr
