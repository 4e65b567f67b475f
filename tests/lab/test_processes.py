from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.lab.processes import (
    Process,
    ProcessTable,
    end_all,
    is_alive,
    look_up,
    running,
    send,
    spawn,
)
from orchestrator.lab.spec import MARKER


@pytest.fixture
def family(tmp_path: Path) -> Iterator[list[int]]:
    """A shell with two children, one of them in a session of its own, all of them marked."""
    script = "sleep 600 & echo $!; setsid sleep 600 & echo $!; wait"
    environment = os.environ | {MARKER: f"{tmp_path}:h001"}
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, env=environment) as shell:
        assert shell.stdout is not None
        children = [int(shell.stdout.readline()) for _ in range(2)]
        yield [shell.pid, *children]
        for pid in children:
            if look_up(pid):
                os.kill(pid, signal.SIGKILL)
        shell.kill()


def find(pids: list[int]) -> set[Process]:
    table = ProcessTable.now()
    return table.processes(table.tree(pids[:1]))


def test_a_tree_holds_all_descendants(family: list[int]) -> None:
    assert ProcessTable.now().tree(family[:1]) == set(family)
    assert ProcessTable.now().tree(family[:1], without=frozenset(family[1:2])) == {
        family[0],
        family[2],
    }


def test_the_marker_names_the_host(family: list[int], tmp_path: Path) -> None:
    marked = ProcessTable.now().marked(f"{tmp_path}:")
    assert marked == dict.fromkeys(family, "h001")
    assert ProcessTable.now().marked(f"{tmp_path}/other:") == {}


def test_all_end_together(family: list[int]) -> None:
    end_all(lambda: find(family))
    assert [look_up(pid) for pid in family] == [None] * 3


@pytest.mark.parametrize("attempt", range(5))
def test_they_end_also_amid_starting_others(attempt: int, tmp_path: Path) -> None:
    script = "while :; do env >/dev/null; (sleep 600 &); done"
    with subprocess.Popen(["sh", "-c", script], env=os.environ | {MARKER: f"{tmp_path}:h001"}):

        def busy() -> set[Process]:
            table = ProcessTable.now()
            return table.processes(table.marked(f"{tmp_path}:"))

        while len(busy()) < 5:
            pass
        end_all(busy)
        assert busy() == set()


def test_one_that_started_at_another_time_is_another(family: list[int]) -> None:
    process = look_up(family[1])
    assert process is not None
    for stranger in (
        replace(process.identity, started=process.identity.started + 1),
        replace(process.identity, boot="another"),
    ):
        assert not is_alive(stranger)
        send(stranger, signal.SIGKILL)
    assert is_alive(process.identity)


def test_names_with_parentheses_and_spaces_do_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "600"]) as child:
        process = look_up(child.pid)
        assert process is not None
        assert process.parent == os.getpid()
        child.kill()


def test_a_daemon_has_a_session_and_an_environment_of_its_own(tmp_path: Path) -> None:
    log, pid_file = tmp_path / "log", tmp_path / "pid"
    identity = spawn(
        ["/bin/sh", "-c", "env; kill -STOP $$; kill -9 $$"],
        log=log,
        pid_file=pid_file,
        environment={"ONLY": "this"},
    )
    try:
        assert running(pid_file) == identity
        assert os.getsid(identity.pid) == identity.pid
    finally:
        end_all(lambda: find([identity.pid]))
    assert running(pid_file) is None
    assert not {"HOME", "PATH"} & {line.partition("=")[0] for line in log.read_text().splitlines()}


@pytest.mark.parametrize("text", ["", "12", "x y z", "1 2 3 4"])
def test_a_torn_pid_file_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert running(tmp_path / "pid") is None
    assert running(tmp_path / "none") is None
