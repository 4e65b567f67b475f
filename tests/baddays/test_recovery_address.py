"""Hosts whose own address is dead, and whose recovery system answers: a second sshd of theirs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator.lab.record import load
from orchestrator.lab.spec import LabHost
from orchestrator.model.event import Action, Result
from tests.baddays.hosts_site import LENIENT, reason, results
from tests.baddays.site import NEW, OLD, Area, Disk, Site, start_site
from tests.engines.sshd import free_port
from tests.labs import eventually, mend

A, R = Action, Result
HOST = "h001"


@dataclass(frozen=True)
class Spare:
    """The recovery system of the first host."""

    host: LabHost
    port: int
    words: tuple[str, ...]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 1) as site:
        site.area("base").apply(OLD)
        yield site


@pytest.fixture(scope="module")
def spare(site: Site) -> Iterator[Spare]:
    """Start the host's recovery system, and trust its key."""
    host = site.lab.host(HOST)
    port = free_port(host.address)
    known = site.lab.paths.known_hosts
    key = next(line for line in known.read_text().splitlines() if f"[{host.address}]" in line)
    known.write_text(f"{known.read_text()}[{host.address}]:{port} {key.split(' ', 1)[1]}\n")
    with listening(site, host, port):
        given = {"fleet_recovery": {"port": port}}
        yield Spare(host, port, ("-e", json.dumps(given)))


@contextmanager
def listening(site: Site, host: LabHost, port: int) -> Iterator[None]:
    sshd = load(site.lab.paths).sshd
    assert sshd
    words = [str(sshd.path), "-D", "-e", "-f", str(host.config), "-p", str(port)]
    log = site.folder / "spare.log"
    with log.open("wb") as out, subprocess.Popen(words, stderr=out, env=sshd.environment) as daemon:
        assert eventually(lambda: "listening on" in log.read_text().lower()), log.read_text()
        try:
            yield
        finally:
            daemon.terminate()


@pytest.fixture
def area(site: Site, spare: Spare, request: pytest.FixtureRequest) -> Iterator[Area]:
    name = request.node.name.removeprefix("test_")[:40]
    once: dict[str, Any] = {**LENIENT, "retries": {"attempts": 1}}
    yield site.area(name, like=Area(site, "base", (HOST,)), **once)
    mend(site.lab)


@pytest.fixture
def disk(area: Area) -> Disk:
    return area.disk(HOST)


def test_nothing_is_staged_by_the_recovery_address(area: Area, disk: Disk, spare: Spare) -> None:
    area.site.lab.cut(HOST)
    area.apply(NEW, *spare.words, expect=4)
    assert results(area, HOST, A.CHECK) == [R.DONE]
    assert reason(area, HOST, A.CHECK).endswith(
        f"by its recovery address {spare.host.address}:{spare.port} alone"
    )
    assert results(area, HOST, A.STAGE) == [R.UNREACHABLE]
    assert (disk.version, disk.locked) == (OLD, False)


def test_a_release_that_breaks_the_network_goes_back_at_once(
    area: Area, disk: Disk, spare: Spare
) -> None:
    disk.hold("post_activate")
    words = ("-e", f"version={NEW}", "--output", "json")
    with area.start("apply", area.plan, *words, *spare.words) as controller:
        assert eventually(lambda: f"post_activate {NEW}" in disk.trace)
        area.site.lab.cut(HOST)
        disk.let_go("post_activate")
        assert controller.wait() == 2, controller.stdout
    tried = [*results(area, HOST, A.ACTIVATE), *results(area, HOST, A.VALIDATE)]
    assert R.FAILED in tried
    assert results(area, HOST, A.REVERT) == [R.DONE]
    assert reason(area, HOST, A.REVERT).endswith("alone")
    assert (disk.version, disk.locked, disk.on_trial) == (OLD, False, False)


def test_it_is_examined_unlocked_and_repaired_there(area: Area, disk: Disk, spare: Spare) -> None:
    area.site.lab.cut(HOST)
    (disk.root / "current/VERSION").write_text("9\n")
    found = area.fleet("doctor", area.plan, HOST, *spare.words, expect=2).stdout
    assert f"recovery address root@{spare.host.address}:{spare.port}: the host program" in found
    assert f"$ ssh -p {spare.port} -i " in found
    assert "only its recovery address answers" in found
    assert "1.0.0" in found
    mended = area.fleet("hosts", "repair", area.plan, *spare.words)
    assert "mended 1" in mended.stdout
    assert disk.version == OLD
    done = area.fleet("hosts", "unlock", area.plan, HOST, "--yes", *spare.words)
    assert "no lock is held" in done.stdout


def golden(site: Site, name: str) -> Area:
    """Return an area whose first host has NEW, and OLD as its golden release."""
    once: dict[str, Any] = {**LENIENT, "retries": {"attempts": 1}, "timeouts": {"validate": "4s"}}
    area = site.area(name, like=Area(site, "base", (HOST,)), package={"factory": OLD}, **once)
    area.apply(NEW)
    return area


def test_the_golden_release_is_brought_there_and_proved_by_its_own_address(
    site: Site, spare: Spare
) -> None:
    area = golden(site, "brought")
    disk = area.disk(HOST)
    disk.hold("post_activate")
    site.lab.cut(HOST)
    words = ("hosts", "restore", "--factory", str(area.plan), "--yes", *spare.words)
    with area.start(*words) as controller:
        assert eventually(lambda: disk.trace[-1:] == [f"post_activate {OLD}"])
        mend(site.lab)
        disk.let_go("post_activate")
        assert controller.wait() == 0, controller.stdout
    for action in (A.STAGE, A.ACTIVATE):
        assert reason(area, HOST, action).endswith("alone")
    assert not reason(area, HOST, A.CONFIRM)
    assert (disk.version, disk.locked, disk.on_trial) == (OLD, False, False)


def test_a_golden_release_that_does_not_bring_its_own_address_back_does_not_stay(
    site: Site, spare: Spare
) -> None:
    area = golden(site, "stays-dead")
    disk = area.disk(HOST)
    site.lab.cut(HOST)
    try:
        area.fleet("hosts", "restore", "--factory", area.plan, "--yes", *spare.words, expect=2)
    finally:
        mend(site.lab)
    assert "its own system is dead" in reason(area, HOST, A.VALIDATE)
    assert (disk.version, disk.locked, disk.on_trial) == (NEW, False, False)


def test_its_host_key_is_verified_as_any_other(area: Area, site: Site, spare: Spare) -> None:
    port = free_port(spare.host.address)
    with listening(site, spare.host, port):
        site.lab.cut(HOST)
        words = ("-e", json.dumps({"fleet_recovery": {"port": port}}))
        refused = area.fleet("doctor", area.plan, HOST, *words, expect=2).stdout
        assert f"recovery address root@{spare.host.address}:{port}: host key: " in refused
        assert "which no known_hosts file has" in refused
        assert f"$ ssh-keyscan -p {port} " in refused
        done = area.fleet("hosts", "verify", area.plan, *words, expect=4).stdout
        assert "nor by its recovery address" in done
