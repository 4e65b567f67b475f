"""`make demo` from end to end: twelve hosts of real OpenSSH, a real service, a real kill -9."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHEELS = Path(".cache/demo/wheels")
TOLD = (
    "12 of 12 hosts answer on port 8080: pypiserver 2.4.0",
    "12 of 12 hosts answer on port 8080: pypiserver 2.4.1",
    "== The same again",
    "/health answers 500",
    "exit 2, as it should be",
    "12 of 12 hosts answer on port 8080: pypiserver 2.4.1",
    "$ kill -9 ",
    "exit 99, as it should be",
    "$ fleet resume last",
    "12 of 12 hosts answer on port 8080: pypiserver 2.4.2",
    "That was all",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder to tell the story in, with the wheels that were downloaded before."""
    shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks")
    if (ROOT / WHEELS).exists():
        shutil.copytree(ROOT / WHEELS, tmp_path / WHEELS)
    return tmp_path


def environments() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.ssh
def test_the_story_is_told_to_its_end(project: Path) -> None:
    story = subprocess.Popen(
        [sys.executable, "playbooks/demo/story.py"],
        cwd=project,
        env=os.environ | {"FLEET_HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        text, _ = story.communicate(timeout=350)
    except BaseException:
        story.send_signal(signal.SIGINT)
        text, _ = story.communicate(timeout=20)
        print(text)
        raise
    assert story.returncode == 0, text
    at = 0
    for words in TOLD:
        assert words in text[at:], f"{words!r} is missing after its predecessor in:\n{text}"
        at = text.index(words, at) + len(words)
    marker = f"FLEET_LAB_HOST={project}".encode()
    assert not [environment for environment in environments() if marker in environment]
