"""Files changed on real hosts: what each policy makes of each kind of change, and the way back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.baddays.site import Area, Disk, Site, start_site

ONE, TWO = "2.0.0", "2.1.0"
CONF, LIB, FRESH = "etc/app.conf", "lib/data", "etc/new.conf"
CONTENT = {CONF: b"port=1\n", LIB: bytes(range(256)) * 9}
LATER = {CONF: b"port=2\n", LIB: CONTENT[LIB], FRESH: b"fresh\n"}
MINE = b"port=9\n"

MANY = 100
"""Hosts of the fleet in which a file is changed on each."""


def modify(release: Path) -> None:
    (release / CONF).write_bytes(MINE)


def lose(release: Path) -> None:
    (release / CONF).unlink()


def loosen(release: Path) -> None:
    (release / CONF).chmod(0o666)


def add(release: Path) -> None:
    (release / "etc/mine.conf").write_bytes(MINE)


def collide(release: Path) -> None:
    (release / FRESH).write_bytes(MINE)


KINDS: Mapping[str, Callable[[Path], None]] = {
    "modified": modify,
    "missing": lose,
    "wrong mode": loosen,
    "extra": add,
    "conflict": collide,
}
"""One host for each."""

ALIKE = {"missing": "put back", "extra": "left alone"}
REFUSED = {"modified": "refused", "missing": "refused", "wrong mode": "refused"}
TABLE: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("fail", ONE): {**REFUSED, "extra": "left alone", "conflict": "left alone"},
    ("keep", ONE): {
        **ALIKE,
        "modified": "kept",
        "wrong mode": "kept",
        "conflict": "left alone",
    },
    ("overwrite", ONE): {
        **ALIKE,
        "modified": "put back",
        "wrong mode": "put back",
        "conflict": "left alone",
    },
    ("fail", TWO): {**REFUSED, "extra": "left alone", "conflict": "refused"},
    ("keep", TWO): {**ALIKE, "modified": "kept", "wrong mode": "kept", "conflict": "refused"},
    ("overwrite", TWO): {
        **ALIKE,
        "modified": "put back",
        "wrong mode": "put back",
        "conflict": "refused",
    },
}
"""What becomes of each kind of change, by policy and the version asked for; ONE is there."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, MANY) as site:
        site.bundle(ONE, CONTENT)
        site.bundle(TWO, LATER)
        yield site


@pytest.fixture(scope="module")
def base(site: Site) -> Area:
    """An area in which the first host has ONE, and all others what it has."""
    area = site.area("base", **EASY)
    area.apply(ONE, "-l", area.hosts[0])
    for disk in area.disks[1:]:
        for there, here in zip(area.disks[0].places, disk.places, strict=True):
            shutil.copytree(there, here, symlinks=True)
    return area


EASY: Mapping[str, Any] = {
    "cohorts": [{"name": "everyone"}],
    "max_failures": MANY,
    "on_halt": "hold",
    "commit": "host",
    "max_parallel": 16,
}


def fate(disk: Disk, kind: str, version: str) -> str:
    """Return what has become of a change, as the disk has it."""
    release = disk.root / "current"
    if disk.version != version:
        return "refused"
    wanted = (CONTENT if version == ONE else LATER)[CONF]
    if kind in ("extra", "conflict"):
        (first,) = disk.root.glob(f"releases/{ONE}-*")
        path = first / ("etc/mine.conf" if kind == "extra" else FRESH)
        return "left alone" if path.read_bytes() == MINE else "lost"
    data, mode = (release / CONF).read_bytes(), (release / CONF).stat().st_mode & 0o777
    if (data, mode) == (wanted, 0o644):
        return "put back"
    return "kept"


@pytest.mark.parametrize(("policy", "version"), TABLE)
def test_what_becomes_of_each_kind_of_change(
    site: Site, base: Area, policy: str, version: str
) -> None:
    area = site.area(
        f"{policy}-{version[2]}", hosts=len(KINDS), like=base, package={"on_drift": policy}, **EASY
    )
    by_kind = dict(zip(KINDS, area.disks, strict=True))
    for kind, disk in by_kind.items():
        KINDS[kind](disk.root / "current/")
    expected = TABLE[policy, version]
    done = area.apply(version, expect=2 if "refused" in expected.values() else 0)
    hosts = area.rollout().hosts
    failed = {kind for kind, disk in by_kind.items() if hosts[disk.host.name].state == "failed"}
    assert failed == {kind for kind, word in expected.items() if word == "refused"}, done.stdout
    found = {
        kind: fate(disk, kind, version) for kind, disk in by_kind.items() if kind not in failed
    }
    assert found == {kind: word for kind, word in expected.items() if word != "refused"}
    saved = [p.read_bytes() for p in by_kind["modified"].state.glob(f"backups/*/{CONF}")]
    assert saved == ([MINE] if policy == "overwrite" else [])
    again = area.apply(version, expect=2 if failed else 0)
    assert "committed" not in again.stdout.partition("RECAP")[2], again.stdout
    assert {disk.host.name: disk.locked for disk in area.disks} == dict.fromkeys(area.hosts, False)


def test_a_hundred_hosts_with_a_changed_file_each(site: Site, base: Area) -> None:
    area = site.area("hundred", like=base, package={"on_drift": {"etc/*": "keep"}}, **EASY)
    paths = (LIB, "bin/validate", "VERSION")
    changed = {disk.host.name: paths[n % 3] for n, disk in enumerate(area.disks)}
    for disk in area.disks:
        path = disk.root / "current" / changed[disk.host.name]
        path.write_bytes(b"\xff" + path.read_bytes()[1:])
        (disk.root / "current/unmanaged").write_bytes(MINE)
    modify(area.disks[0].root / "current")
    words = (area.plan, "-e", f"version={ONE}", "--json")
    found = json.loads(area.fleet("hosts", "verify", *words, expect=2).stdout)
    assert {it["host"]: it["modified"] for it in found} == {h: [p] for h, p in changed.items()}
    assert all(it["missing"] == it["wrong_mode"] == [] for it in found)
    assert [it["host"] for it in found if it["kept"]] == ["h001"]
    none = json.loads(area.fleet("hosts", "verify", *words, "--changed-since", "0s").stdout)
    assert {it["status"] for it in none} == {"ok"}
    done = json.loads(area.fleet("hosts", "repair", *words).stdout)
    assert {it["host"]: it["mended"] for it in done} == dict.fromkeys(changed, 1)
    after = json.loads(area.fleet("hosts", "verify", *words).stdout)
    assert {(it["status"], *it["extra"]) for it in after} == {("ok", "unmanaged")}
    assert (area.disks[0].root / "current" / CONF).read_bytes() == MINE
    for disk in area.disks:
        (saved,) = disk.state.glob(f"backups/*/{changed[disk.host.name]}")
        assert saved.read_bytes()[:1] == b"\xff"
        assert not disk.locked
    again = json.loads(area.fleet("hosts", "repair", *words).stdout)
    assert {it["mended"] for it in again} == {0}


def test_repair_of_another_release_than_the_plans(site: Site, base: Area) -> None:
    area = site.area("other", hosts=1, like=base, **EASY)
    modify(area.disks[0].root / "current")
    refused = area.fleet("hosts", "repair", area.plan, "-e", f"version={TWO}", expect=2)
    assert f"{area.disks[0].active} is active, and the plan's release is {TWO}-" in refused.stdout
    mended = area.fleet("hosts", "repair", area.plan, "-e", f"version={ONE}")
    assert "mended 1, the old bytes are in " in mended.stdout
