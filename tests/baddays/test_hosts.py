"""Hosts that are full, away, changed by hand, or there already; and looking without touching."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.lab.spec import LabHost
from orchestrator.model.event import Action, Result
from orchestrator.rollout.states import HostState
from tests.baddays.hosts_site import (
    Logins,
    await_gate,
    close_gate,
    is_whole,
    left_behind,
    make_area,
    mend_hosts,
    only_new,
    open_gate,
    reason,
    results,
    starts,
    tree,
    watchdogs,
    write_program,
)
from tests.baddays.site import NEW, OLD, Area, Site, start_site
from tests.labs import eventually, mend

pytestmark = pytest.mark.ssh

A, H, R = Action, HostState, Result
BIG = "1.3.0"
"""A release of 8 MiB that do not pack."""


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 3) as site:
        site.bundle(BIG, {"content/big": random.Random(1).randbytes(8 << 20)})
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    yield shared_site
    mend_hosts(shared_site)


# --- a full disk


class Shortage:
    """Takes room away from the first host and gives it back: really where root may mount."""

    def __init__(self, folder: Path, host: LabHost) -> None:
        self.folder = folder
        self.host = host

    def mount(self) -> None:
        self.folder.mkdir()
        self._run("mount", "-t", "tmpfs", "-o", "size=13m", "small", str(self.folder))

    def unmount(self) -> None:
        self._run("umount", "-l", str(self.folder))

    def take(self) -> None:
        """Leave less room than the big release needs, whatever was spooled of it."""
        free = shutil.disk_usage(self.folder).free
        (self.folder / "ballast").write_bytes(bytes(min(8 << 20, free - (1 << 20))))

    def give_back(self) -> None:
        (self.folder / "ballast").unlink()

    def _run(self, *argv: str) -> None:
        subprocess.run(argv, check=True)


class Pretence(Shortage):
    """The same for other users: df tells of a full disk, and tar may not write big files."""

    def mount(self) -> None:
        self.folder.mkdir()

    def unmount(self) -> None:
        self.give_back()

    def take(self) -> None:
        told = "Filesystem 1024-blocks Used Available Capacity Mounted\\nx 9 9 4096 99% /"
        write_program(self.host, "df", f"printf '{told}\\n'")
        (self.host.home / "short").touch()

    def give_back(self) -> None:
        (self.host.bin / "df").unlink(missing_ok=True)
        (self.host.home / "short").unlink(missing_ok=True)


TAR = """\
gate tar
[ ! -e "$HOME/short" ] || ulimit -f 2048
exec {tar} "$@"
"""


@pytest.fixture
def shortage(site: Site, request: pytest.FixtureRequest) -> Iterator[Shortage]:
    """Give the first host's area a small file system of its own."""
    host = site.lab.hosts[0]
    make = Shortage if os.geteuid() == 0 else Pretence
    short = make(host.root / request.node.name, host)
    short.mount()
    yield short
    short.unmount()


def test_too_little_room_is_refused_before_the_first_byte(site: Site, shortage: Shortage) -> None:
    area = make_area(site, shortage.folder.name, bare=True)
    area.apply(OLD)
    shortage.take()
    area.apply(BIG, expect=2)
    assert re.search(
        r"staging app: \d+ KiB are needed on the file system of /.*, and \d+ KiB are free",
        reason(area, "h001", A.STAGE),
    )
    nothing_half(area)
    shortage.give_back()
    area.apply(BIG)
    assert all(is_whole(disk, BIG) for disk in area.disks)


def test_a_disk_that_fills_up_in_mid_transfer(site: Site, shortage: Shortage) -> None:
    area = make_area(site, shortage.folder.name, bare=True)
    area.apply(OLD)
    first = site.lab.hosts[:1]
    write_program(first[0], "tar", TAR.format(tar=shutil.which("tar")))
    write_program(first[0], "zstd", f'[ "$1" != -H ] || exit 1; exec {shutil.which("zstd")} "$@"')
    write_program(first[0], "python3", "exit 1")  # so that no patch comes, which needs no tar
    close_gate(first, "tar")
    with starts(area, BIG) as running:
        await_gate(first, "tar")
        shortage.take()
        open_gate(first, "tar")
        assert running.wait() == 2
    for program in ("tar", "zstd", "python3"):
        (first[0].bin / program).unlink()
    assert re.search(
        r"staging app: .* is the disk full, .* \d+ KiB are free on the file system of /.*, "
        r"of \d+ KiB that were needed",
        reason(area, "h001", A.STAGE),
    )
    nothing_half(area)
    shortage.give_back()
    area.apply(BIG)
    assert all(is_whole(disk, BIG) for disk in area.disks)


def nothing_half(area: Area) -> None:
    """Prove that the first host is as it was, and that its neighbours went on."""
    disk = area.disks[0]
    assert results(area, "h001", A.STAGE) == [R.FAILED]
    assert is_whole(disk, OLD)
    assert [path.name for path in (disk.root / "releases").iterdir()] == [disk.active]
    assert not disk.locked
    assert all(is_whole(other, BIG) for other in area.disks[1:])


# --- there already, or nearly


def test_a_host_that_is_there_is_proved_over_one_login_and_one_round_trip(site: Site) -> None:
    area = make_area(site, "there")
    logins = [Logins.of(host) for host in site.lab.hosts]
    area.apply(OLD)
    assert [login.count for login in logins] == [1, 1, 1]
    for name in area.hosts:
        assert results(area, name, A.CHECK) == [R.ALREADY]
        assert area.rollout().hosts[name].state is H.SKIPPED
    assert not any(disk.locked for disk in area.disks)


@pytest.mark.parametrize("how", ["byte", "mode", "missing", "link"])
def test_a_host_that_only_looks_as_if_it_were_there_has_drifted(site: Site, how: str) -> None:
    area = make_area(site, f"drift-{how}", {"on_drift": "{{ drift | default('fail') }}"})
    file = area.disks[0].root / "current/bin/validate"
    spoil(file, how)
    area.apply(OLD, expect=2)
    assert results(area, "h001", A.CHECK) == [R.FAILED]
    assert "bin/validate" in reason(area, "h001", A.CHECK)
    assert "bin/validate" in area.rollout().hosts["h001"].output
    assert area.rollout().hosts["h002"].state is H.SKIPPED
    area.apply(NEW, expect=2)
    assert "was changed: bin/validate" in reason(area, "h001", A.CHECK)
    area.apply(NEW, "-e", "drift=overwrite")
    assert all(is_whole(disk, NEW) for disk in area.disks)


def spoil(file: Path, how: str) -> None:
    """Change one file so that its size and time stay as they were, where that can be."""
    about, data = file.stat(), file.read_bytes()
    if how == "byte":
        file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    elif how == "mode":
        file.chmod(0o777)
    else:
        file.unlink()
        if how == "link":
            file.symlink_to("../VERSION")


# --- looking


def test_apply_check_changes_nothing(site: Site) -> None:
    area = make_area(site, "look")
    before = tree(*(folder for host in site.lab.hosts for folder in (host.root, host.state)))
    area.apply(NEW, "--check", "--diff")
    area.apply(OLD, "--check")
    after = tree(*(folder for host in site.lab.hosts for folder in (host.root, host.state)))
    assert after == before
    assert all(is_whole(disk, OLD) for disk in area.disks)


def test_apply_check_says_by_its_exit_what_stands_in_the_way(site: Site) -> None:
    area = make_area(site, "look-badly", rollout={"retries": {"attempts": 1}})
    site.lab.cut("h002")
    area.apply(NEW, "--check", expect=4)
    spoil(area.disks[0].root / "current/VERSION", "missing")
    area.apply(OLD, "--check", expect=2)


# --- who is away


@pytest.mark.parametrize(
    ("then", "code", "state"),
    [("fail", 4, H.FAILED), ("skip", 4, H.DEFERRED), ("defer", 3, H.DEFERRED)],
)
def test_a_host_that_is_away_is_counted_by_itself(
    site: Site, then: str, code: int, state: HostState
) -> None:
    area = make_area(site, f"away-{then}", rollout=away(then))
    site.lab.kill("h001")
    area.apply(NEW, expect=code)
    assert results(area, "h001", A.CHECK) == [R.UNREACHABLE]
    assert area.rollout().hosts["h001"].state is state
    assert area.versions() == {"h001": OLD, "h002": NEW, "h003": NEW}
    mend(site.lab)
    area.apply(NEW)
    assert area.versions() == area.all_on(NEW)


def test_more_away_than_the_budget_halts_the_run(site: Site) -> None:
    area = make_area(site, "too-many-away", rollout=away("skip", limit=0))
    site.lab.kill("h001")
    area.apply(NEW, expect=2)
    assert area.versions() == area.all_on(OLD)


@pytest.mark.parametrize("then", ["fail", "skip", "defer"])
def test_failures_win_over_hosts_that_are_away(site: Site, then: str) -> None:
    check = {"command": only_new('test "${HOME%/h002/home}" = "$HOME"')}
    area = make_area(site, f"both-{then}", {"validations": [check]}, away(then))
    site.lab.kill("h001")
    area.apply(NEW, expect=2)
    assert area.rollout().hosts["h002"].state is H.REVERTED
    assert area.versions() == {"h001": OLD, "h002": OLD, "h003": NEW}


def away(then: str, limit: int = 1) -> dict[str, object]:
    return {
        "max_unreachable": {"limit": limit, "then": then},
        "retries": {"attempts": 2, "backoff": "50ms"},
        "on_halt": "rollback-wave",
    }


# --- nothing is left behind


@pytest.mark.parametrize("how", ["cut", "kill -9"])
def test_a_session_that_is_cut_leaves_only_the_watchdog(site: Site, how: str) -> None:
    long = "(sleep 600 & sleep 601) | sleep 602 & gate pre_activate; sleep 603"
    area = make_area(site, f"cut-{len(how)}", {"hooks": {"pre_activate": only_new(long)}})
    host = site.lab.hosts[0]
    close_gate([host], "pre_activate")
    with starts(area, NEW) as running:
        await_gate([host], "pre_activate")
        assert left_behind(site, host)
        if how == "cut":
            site.lab.cut(host.name)
        running.process.kill()
        running.wait()
    assert eventually(lambda: not left_behind(site, host))
    assert len(watchdogs(area, host)) == 1
    assert area.disks[0].on_trial
    assert is_whole(area.disks[0], OLD)
