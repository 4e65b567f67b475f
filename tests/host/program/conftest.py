"""Shells to run the host program in, each with a PATH of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.program.driver import Place, living, until

SHELLS = ("dash", "bash", "busybox")


def _found(name: str) -> str:
    path = shutil.which(name)
    assert path, f"the host program's tests need {name}: install it (apt-get install {name})"
    return path


def _shell_path(name: str, folder: Path) -> str:
    """Return a PATH on which ``sh`` is this shell; busybox brings nothing but its own applets."""
    folder.mkdir()
    if name == "busybox":
        busybox = _found("busybox")
        subprocess.run([busybox, "--install", "-s", str(folder)], check=True)
        for tool in ("ssh-keygen",):
            (folder / tool).symlink_to(_found(tool))
        return str(folder)
    if name == "bash":
        script = folder / "sh"
        script.write_text(f'#!{_found("bash")}\nexec {_found("bash")} --posix "$@"\n')
        script.chmod(0o755)
    else:
        (folder / "sh").symlink_to(_found(name))
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture(scope="session")
def shells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the PATH of each shell."""
    base = tmp_path_factory.mktemp("shells")
    return {name: _shell_path(name, base / name) for name in SHELLS}


def make_place(path: str, folder: Path) -> Place:
    environment = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"}
    return Place(folder / "root", folder / "state", environment)


@pytest.fixture(params=SHELLS)
def place(request: pytest.FixtureRequest, shells: dict[str, str], tmp_path: Path) -> Place:
    """Return an empty place, once for each shell."""
    return make_place(shells[request.param], tmp_path)


@pytest.fixture
def dash(shells: dict[str, str], tmp_path: Path) -> Place:
    """Return an empty place in dash, for what no shell does in its own way."""
    return make_place(shells["dash"], tmp_path)


@pytest.fixture(autouse=True)
def no_process_left(tmp_path: Path) -> Iterator[None]:
    """End the watchdogs of trials that a test left on; nothing else may be left."""
    yield
    for record in tmp_path.glob("**/state/*/watchdog"):
        number = int(record.read_text().split()[0])
        if number in living(str(tmp_path)):
            os.killpg(number, signal.SIGKILL)
    try:
        until(lambda: not living(str(tmp_path)), patience=10)
    except AssertionError:
        pytest.fail(f"left behind: {living(str(tmp_path))}")
