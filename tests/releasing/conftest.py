"""One lab for the whole folder, and one corner of it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.lab.lab import Lab
from tests.labs import start_lab
from tests.releasing.site import Corner, write_key


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with start_lab(tmp_path_factory, 3) as started:
        yield started


@pytest.fixture(scope="package")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_key(tmp_path_factory.mktemp("key"))


@pytest.fixture
def corner(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    lab: Lab,
    key: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Corner:
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.removeprefix("test_"))
    folder = tmp_path / name.strip("-")
    folder.mkdir()
    made = Corner(lab, folder, key, capsys)
    monkeypatch.setenv("FLEET_HOME", str(made.home.root))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.chdir(folder)
    return made
