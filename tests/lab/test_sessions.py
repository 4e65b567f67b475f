"""What a session on a lab host is like, with real sshd and with the embedded server."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from orchestrator.lab.lab import Lab
from orchestrator.lab.spec import LabHost
from tests.labs import DEADLINE, eventually, ssh, ssh_argv

pytestmark = pytest.mark.ssh


def test_it_starts_in_the_home_of_its_own_host(lab: Lab, host: LabHost) -> None:
    result = ssh(lab, host, 'pwd; echo "$HOME"; echo "$TMPDIR"; echo "$FLEET_LAB_HOST"')
    assert result.stdout.decode().splitlines() == [
        *(str(host.home), str(host.home), str(host.tmp)),
        f"{lab.paths.directory}:{host.name}",
    ]
    assert result.stderr == b""


def test_nothing_of_the_controllers_environment_leaks_in(
    lab: Lab, host: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_SECRET", "x")
    lab.kill(host.name)
    lab.restore(host.name)
    names = {line.partition("=")[0] for line in ssh(lab, host, "env").stdout.decode().splitlines()}
    assert not names & {"OUR_SECRET", "PYTHONPATH", "LD_LIBRARY_PATH", "FLEET_LAB_START", "OLDPWD"}


def test_a_program_of_its_own_comes_before_the_machines(lab: Lab, host: LabHost) -> None:
    own = host.bin / "uname"
    own.write_text("#!/bin/sh\necho odd\n")
    own.chmod(0o755)
    assert ssh(lab, host, "uname; ls -d /").stdout == b"odd\n/\n"
    own.unlink()


def test_a_command_arrives_verbatim(lab: Lab, host: LabHost) -> None:
    result = ssh(lab, host, "printf '%s|' 'a  b' \"$((6*7))\" $'x' '\\n*'; exit 7")
    assert result.returncode == 7
    assert result.stdout.startswith(b"a  b|42|")
    assert result.stdout.endswith(b"\\n*|")


def test_its_three_streams_are_apart(lab: Lab, host: LabHost) -> None:
    result = ssh(lab, host, "echo out; cat; echo err >&2", stdin=b"in\n")
    assert (result.stdout, result.stderr) == (b"out\nin\n", b"err\n")


def test_a_stream_that_is_closed_early_leaves_the_others(lab: Lab, host: LabHost) -> None:
    result = ssh(lab, host, "exec >&-; cat >&2; echo end >&2", stdin=b"in\n")
    assert (result.stdout, result.stderr, result.returncode) == (b"", b"in\nend\n", 0)


def test_a_lot_of_bytes_pass_unchanged(lab: Lab, host: LabHost) -> None:
    payload = random.Random(1).randbytes(8 << 20)
    assert ssh(lab, host, "cat", stdin=payload).stdout == payload


def test_output_that_nobody_reads_does_not_pile_up(lab: Lab, host: LabHost) -> None:
    with subprocess.Popen([*ssh_argv(lab, host), "yes"], stdout=subprocess.PIPE) as flood:
        assert flood.stdout is not None
        assert flood.stdout.read(4) == b"y\ny\n"
        assert ssh(lab, host, "echo alive").stdout == b"alive\n"
        flood.kill()


def test_a_command_that_is_killed_fails(lab: Lab, host: LabHost) -> None:
    assert ssh(lab, host, "kill -9 $$").returncode == 255


def test_a_command_outlives_its_connection(lab: Lab, host: LabHost) -> None:
    done = host.home / "done"
    done.unlink(missing_ok=True)
    command = f"echo ready; cat >/dev/null; echo done >{done}"
    with subprocess.Popen(
        [*ssh_argv(lab, host), command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"ready\n"
        session.kill()
    assert eventually(done.exists)


def test_many_sessions_share_a_connection(
    lab: Lab, host: LabHost, tmp_path_factory: pytest.TempPathFactory
) -> None:
    control = tmp_path_factory.mktemp("s") / "c"
    options = ("-o", f"ControlPath={control}")
    master = [*ssh_argv(lab, host, *options, "-o", "ControlMaster=yes"), "echo ready; cat"]
    with subprocess.Popen(master, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"ready\n"
        argv = [*ssh_argv(lab, host, *options), "sleep 0.1; echo"]
        others = [subprocess.Popen(argv) for _ in range(12)]
        assert [other.wait(DEADLINE) for other in others] == [0] * 12


def test_a_host_can_be_a_bastion(lab: Lab, host: LabHost) -> None:
    bastion, target = host, lab.hosts[1]
    through = [*ssh_argv(lab, bastion), "-W", f"{target.address}:{target.port}"]
    argv = ssh_argv(lab, target, "-o", f"ProxyCommand={' '.join(through)}")
    result = subprocess.run([*argv, "echo $FLEET_LAB_HOST"], capture_output=True, check=True)
    assert result.stdout.decode().strip().endswith(f":{target.name}")


def test_another_key_is_refused(lab: Lab, host: LabHost, tmp_path: Path) -> None:
    key = str(tmp_path / "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    argv = [word.replace(str(lab.paths.client_key), key) for word in ssh_argv(lab, host)]
    result = subprocess.run([*argv, "true"], capture_output=True, check=False)
    assert result.returncode == 255
    assert b"Permission denied" in result.stderr


def test_the_users_own_ssh_folder_is_not_touched(
    lab: Lab, host: LabHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    lab.kill(host.name)
    lab.restore(host.name)
    assert list(tmp_path.iterdir()) == []
