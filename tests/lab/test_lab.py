"""A lab's life: up, growing, up again after accidents, down."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from orchestrator.errors import LabError
from orchestrator.lab.lab import Lab
from orchestrator.lab.processes import Identity, look_up, running, send
from orchestrator.lab.spec import Condition, LabKind, LabPaths
from tests.labs import LOOPBACK, eventually, ssh

pytestmark = pytest.mark.ssh


@pytest.fixture(params=LOOPBACK)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    directory = tmp_path / "lab"
    yield Lab.up(directory, 2, kind=request.param)
    if (directory / "lab.json").exists():
        Lab.open(directory).down()


def daemons(lab: Lab) -> list[Identity]:
    files = [host.sshd_pid for host in lab.hosts] if lab.kind is LabKind.SSHD else []
    return [found for file in files or [lab.paths.server_pid] if (found := running(file))]


def conditions(lab: Lab) -> list[Condition]:
    return [status.condition for status in lab.status()]


def test_up_again_leaves_what_runs_alone(fresh: Lab) -> None:
    before = daemons(fresh)
    again = Lab.up(fresh.paths.directory)
    assert daemons(again) == before
    assert again.hosts == fresh.hosts


def test_up_again_starts_what_is_missing(fresh: Lab) -> None:
    first = daemons(fresh)[0]
    send(first, signal.SIGKILL)
    assert eventually(lambda: conditions(fresh)[0] is Condition.DOWN)
    Lab.up(fresh.paths.directory)
    assert conditions(fresh) == [Condition.UP] * 2
    assert first not in daemons(fresh)


def test_up_restores_what_was_hurt(fresh: Lab) -> None:
    fresh.cut("h001")
    fresh.freeze("h002")
    assert conditions(Lab.up(fresh.paths.directory)) == [Condition.UP] * 2


def test_a_lab_grows(fresh: Lab) -> None:
    before = daemons(fresh)
    grown = Lab.up(fresh.paths.directory, 4)
    assert [host.zone for host in grown.hosts] == ["a", "b", "c", "a"]
    assert set(before) <= set(daemons(grown))
    assert ssh(grown, grown.hosts[3], "echo new").stdout == b"new\n"


def test_a_recycled_pid_is_never_killed(fresh: Lab) -> None:
    with subprocess.Popen(["sleep", "600"]) as innocent:
        now = look_up(innocent.pid)
        assert now is not None
        fresh.kill("h001")
        later = f"{innocent.pid} {now.identity.started - 1} {now.identity.boot}\n"
        fresh.hosts[0].sshd_pid.write_text(later)
        fresh.hosts[0].relay_pid.write_text(later)
        fresh.restore("h001")
        fresh.kill("h001")
        assert innocent.poll() is None
        innocent.kill()


def test_a_torn_pid_file_names_nobody(fresh: Lab) -> None:
    fresh.kill("h001")
    fresh.hosts[0].sshd_pid.write_text("47")
    fresh.restore("h001")
    assert conditions(fresh) == [Condition.UP] * 2


def test_down_ends_everything_and_removes_what_the_lab_wrote(fresh: Lab) -> None:
    host = fresh.hosts[0]
    ssh(fresh, host, "cd ../opt; mkdir ro; touch ro/file; chmod 555 ro")
    service = int(ssh(fresh, host, "sleep 600 <&- >/dev/null 2>&1 & echo $!").stdout)
    before = daemons(fresh)
    fresh.down()
    assert look_up(service) is None
    assert not any(look_up(identity.pid) for identity in before)
    assert not fresh.paths.directory.exists()
    with pytest.raises(LabError, match="there is no lab"):
        Lab.open(fresh.paths.directory)


def test_down_leaves_the_files_of_others(fresh: Lab) -> None:
    notes = fresh.paths.directory / "notes"
    notes.write_text("mine")
    fresh.down()
    assert list(fresh.paths.directory.iterdir()) == [notes]


def test_a_kept_lab_comes_back_the_same(fresh: Lab) -> None:
    (fresh.hosts[0].home / "data").write_text("kept")
    hosts, keys = fresh.hosts, fresh.paths.known_hosts.read_text()
    fresh.down(keep=True)
    assert conditions(fresh) == [Condition.DOWN] * 2
    again = Lab.up(fresh.paths.directory)
    assert (again.hosts, again.paths.known_hosts.read_text()) == (hosts, keys)
    assert ssh(again, hosts[0], "cat data").stdout == b"kept"


def test_commands_at_once_wait_for_each_other(fresh: Lab) -> None:
    code = (
        "import sys; from pathlib import Path; from orchestrator.lab.lab import Lab\n"
        "lab = Lab.up(Path(sys.argv[1])); lab.cut(sys.argv[2]); lab.restore(sys.argv[2])\n"
    )
    argv = [sys.executable, "-c", code, str(fresh.paths.directory)]
    rivals = [subprocess.Popen([*argv, name]) for name in ("h001", "h002", "h001")]
    assert [rival.wait(60) for rival in rivals] == [0, 0, 0]
    assert conditions(fresh) == [Condition.UP] * 2


def test_the_inventory_is_ready_for_use(fresh: Lab) -> None:
    document = yaml.safe_load(fresh.paths.inventory.read_text())
    host = fresh.hosts[1]
    assert document["lab"]["vars"] == {
        "ansible_port": host.port,
        "ansible_user": fresh.user,
        "ansible_ssh_private_key_file": str(fresh.paths.client_key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={fresh.paths.known_hosts}",
    }
    assert document["lab"]["hosts"]["h002"] == {
        "ansible_host": host.address,
        "service_address": host.address,
        "zone": "b",
        "fleet_root": str(host.root),
        "fleet_state": str(host.state),
        "lab_home": str(host.home),
        "fleet_boot_hook": "none",
    }
    assert list(document["canaries"]["hosts"]) == ["h001"]
    assert fresh.paths.client_key.stat().st_mode & 0o777 == 0o600


def test_a_lab_that_is_there_is_not_made_another(fresh: Lab) -> None:
    directory = fresh.paths.directory
    other = next(kind for kind in LOOPBACK if kind is not fresh.kind)
    for request, complaint in (
        ({"hosts": 1}, "has 2 hosts already"),
        ({"kind": other}, f"is of kind {fresh.kind}"),
        ({"network": IPv4Network("127.5.5.0/24")}, "is in 127"),
    ):
        with pytest.raises(LabError, match=complaint):
            Lab.up(directory, **request)
    assert conditions(fresh) == [Condition.UP] * 2


def test_addresses_in_use_are_refused(fresh: Lab, tmp_path: Path) -> None:
    network = IPv4Network(f"{fresh.hosts[0].address}/22", strict=False)
    port = fresh.hosts[0].port
    if port != 2222:
        pytest.fail("the port of labs is taken on all addresses of this machine")
    with pytest.raises(LabError, match="something listens"):
        Lab.up(tmp_path / "other", 1, kind=fresh.kind, network=network)


def test_a_key_that_is_broken_is_named(fresh: Lab) -> None:
    fresh.kill("h001")
    fresh.hosts[0].key.write_text("not a key")
    with pytest.raises(LabError, match=r"h001/host_key cannot be read"):
        Lab.up(fresh.paths.directory)


def test_a_host_that_cannot_be_served_is_named_with_its_daemons_last_words(fresh: Lab) -> None:
    host = fresh.hosts[1]
    fresh.kill(host.name)
    with socket.create_server((host.address, host.port)), pytest.raises(LabError) as caught:
        fresh.restore(host.name)
    assert "in use" in str(caught.value)
    fresh.restore(host.name)
    assert conditions(fresh) == [Condition.UP] * 2


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(LabError, match="other things than a lab"):
        Lab.up(tmp_path)


@pytest.mark.parametrize("name", ["two words", "per%cent", 'qu"ote', "new\nline", "$HOME"])
def test_a_path_that_needs_quotes_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="cannot live in"):
        LabPaths.of(tmp_path / name)


def test_a_record_of_another_version_is_refused(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"format": 99}', '{"format": 1}'):
        (tmp_path / "lab.json").write_text(text)
        with pytest.raises(LabError, match=r"lab\.json cannot be read"):
            Lab.open(tmp_path)
