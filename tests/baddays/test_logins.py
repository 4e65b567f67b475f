"""Hosts that are not who they should be, or do not let us in, or not as whom we ask to be."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from orchestrator.lab.spec import LabHost
from orchestrator.model.event import Action, Result
from orchestrator.rollout.states import HostState
from tests.baddays.hosts_site import (
    is_whole,
    make_area,
    mend_hosts,
    reason,
    results,
    tree,
    write_program,
)
from tests.baddays.site import NEW, OLD, Area, Site, start_site

pytestmark = pytest.mark.ssh

BAD = "h001"
A, H, R = Action, HostState, Result


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 3) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    yield shared_site
    mend_hosts(shared_site)


def inventory(area: Area, known_hosts: Path, **variables: object) -> Path:
    """Write an inventory whose first host has further variables."""
    lab = area.site.lab
    hosts: dict[str, dict[str, object]] = {
        host.name: {
            "ansible_host": host.address,
            "ansible_port": host.port,
            "fleet_root": str(host.root),
            "fleet_state": str(host.state),
        }
        for host in lab.hosts
    }
    hosts[BAD] |= variables
    common = {
        "ansible_user": lab.user,
        "ansible_ssh_private_key_file": str(lab.paths.client_key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={known_hosts}",
    }
    file = area.folder / "inventory.yml"
    file.write_text(json.dumps({"lab": {"hosts": hosts, "vars": common}}))
    return file


def known_hosts(area: Area) -> Path:
    """Return a copy of the lab's known_hosts that belongs to the area."""
    return Path(shutil.copy(area.site.lab.paths.known_hosts, area.folder / "known_hosts"))


def without(file: Path, host: LabHost) -> str:
    """Remove a host from known_hosts, and return the lines that it had."""
    lines = file.read_text().splitlines(keepends=True)
    mine = [line for line in lines if f"[{host.address}]:" in line.split()[0]]
    file.write_text("".join(line for line in lines if line not in mine))
    return "".join(mine)


def stays_out(area: Area, *words: str | Path, expect: int) -> str:
    """Apply NEW: the bad host is not touched, its neighbours get it. Return why it failed."""
    host = area.site.lab.host(BAD)
    before = tree(host.root, host.state)
    area.apply(NEW, *map(str, words), expect=expect)
    assert tree(host.root, host.state) == before
    assert is_whole(area.disk(BAD), OLD)
    assert all(is_whole(area.disk(name), NEW) for name in ("h002", "h003"))
    assert area.rollout().hosts[BAD].state is H.FAILED
    return reason(area, BAD, A.CHECK)


def test_an_unknown_host_key_is_refused_unless_it_is_to_be_taken(site: Site) -> None:
    area = make_area(site, "unknown-key")
    known = known_hosts(area)
    lines = without(known, site.lab.host(BAD))
    hosts = inventory(area, known)
    why = stays_out(area, "-i", hosts, expect=2)
    assert "which no known_hosts file has" in why
    assert "--accept-new" in why
    area.apply(NEW, "-i", str(hosts), "--accept-new")
    assert area.versions() == area.all_on(NEW)
    added = known.read_text().splitlines()[-1]
    assert added.split()[2] in lines


@pytest.mark.parametrize("words", [(), ("--accept-new",)], ids=["strict", "accept-new"])
def test_a_changed_host_key_is_always_refused(site: Site, words: tuple[str, ...]) -> None:
    area = make_area(site, f"changed-key-{len(words)}")
    known = known_hosts(area)
    good = without(known, site.lab.host(BAD))
    other = known.read_text().splitlines()[0]
    forged = " ".join([good.split()[0], *other.split()[1:3]]) + "\n"
    known.write_text(forged + known.read_text())
    before = known.read_text()
    why = stays_out(area, "-i", inventory(area, known), *words, expect=2)
    assert "the host key CHANGED" in why
    assert f"{known}:1 has another" in why
    assert known.read_text() == before


def test_a_wrong_user_is_told_as_whom_and_with_what(site: Site) -> None:
    area = make_area(site, "wrong-user")
    hosts = inventory(area, known_hosts(area), ansible_user="nobody-at-all")
    why = stays_out(area, "-i", hosts, expect=2)
    assert "refused the login as nobody-at-all" in why


def test_a_key_that_is_refused_is_named(site: Site) -> None:
    area = make_area(site, "refused-key")
    key = area.folder / "stranger"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a stranger", "-f", str(key)]
    subprocess.run(argv, check=True)
    hosts = inventory(area, known_hosts(area), ansible_ssh_private_key_file=str(key))
    why = stays_out(area, "-i", hosts, expect=2)
    assert "refused the login" in why
    assert "a stranger (ssh-ed25519)" in why


def test_a_key_that_is_not_there_is_named(site: Site) -> None:
    area = make_area(site, "no-key")
    hosts = inventory(
        area, known_hosts(area), ansible_ssh_private_key_file=str(area.folder / "absent")
    )
    assert str(area.folder / "absent") in stays_out(area, "-i", hosts, expect=2)


def test_a_port_where_nobody_listens_is_unreachable(site: Site) -> None:
    area = make_area(site, "wrong-port")
    hosts = inventory(area, known_hosts(area), ansible_port=1)
    assert "connection refused" in stays_out(area, "-i", hosts, expect=4)


def test_a_host_that_hangs_up_is_tried_as_often_as_the_plan_says(site: Site) -> None:
    area = make_area(site, "hangs-up", rollout={"retries": {"attempts": 3, "backoff": "50ms"}})
    with socket.create_server((site.lab.host(BAD).address, 0)) as server:
        calls: list[object] = []
        Thread(target=_hang_up, args=(server, calls), daemon=True).start()
        port = server.getsockname()[1]
        hosts = inventory(area, known_hosts(area), ansible_port=port)
        stays_out(area, "-i", hosts, expect=4)
        server.shutdown(socket.SHUT_RDWR)
    assert len(calls) == 3


def _hang_up(server: socket.socket, calls: list[object]) -> None:
    with suppress(OSError):
        while True:
            connection, caller = server.accept()
            connection.close()
            calls.append(caller)


SAYS_NO: Mapping[str, str] = {
    "no rights": "echo 'sorry, you may not run sudo' >&2; exit 1",
    "asks": "echo 'sudo: a password is required' >&2; exit 1",
}


@pytest.mark.parametrize("text", SAYS_NO.values(), ids=SAYS_NO)
def test_no_rights_to_become_another(site: Site, text: str) -> None:
    area = make_area(site, f"no-sudo-{len(text)}")
    write_program(site.lab.host(BAD), "sudo", text)
    hosts = inventory(area, known_hosts(area), ansible_become=True)
    why = stays_out(area, "-i", hosts, expect=2)
    assert "sudo does not let us be root" in why
    assert "-K" in why


def test_no_sudo_at_all(site: Site) -> None:
    area = make_area(site, "absent-sudo")
    write_program(site.lab.host(BAD), "sudo", "echo 'sh: 1: exec: sudo: not found' >&2; exit 127")
    hosts = inventory(area, known_hosts(area), ansible_become=True)
    why = stays_out(area, "-i", hosts, expect=2)
    assert "sudo: not found" in why


def test_a_failed_login_counts_against_the_failure_budget(site: Site) -> None:
    cohorts = [{"name": "canary", "hosts": BAD}, {"name": "rest"}]
    area = make_area(site, "budget", rollout={"max_failures": 0, "cohorts": cohorts})
    hosts = inventory(area, known_hosts(area), ansible_user="nobody-at-all")
    area.apply(NEW, "-i", str(hosts), expect=2)
    assert area.versions() == area.all_on(OLD)
    assert results(area, BAD, A.CHECK) == [R.FAILED]
