"""Built bundles to serve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.bundles import archive
from orchestrator.bundles.build import build
from orchestrator.bundles.reader import read
from orchestrator.bundles.signing import sign
from orchestrator.bundles.sources import publish
from orchestrator.bundles.sources.built import bundles_in
from orchestrator.bundles.trust import Trust
from tests.bundles.conftest import MakeSource

Shelve = Callable[..., Path]


@pytest.fixture
def shelve(make_source: MakeSource, tmp_path: Path, keys: Path) -> Shelve:
    """Return a function that builds and signs a small bundle into the folder ``shelf``."""
    made: list[str] = []

    def make(version: str, package: str = "app", shelf: str = "shelf", more: str = "") -> Path:
        made.append(version)
        yml = f"package: {package}\nversion: {version}\n{more}"
        folder = make_source(f"source{len(made)}", yml)
        (folder / "content/README").write_text(f"{package} {version} {len(made)}\n")
        built = build(folder, tmp_path / shelf).folder
        sign(built, keys / "ed25519")
        return built

    return make


@pytest.fixture
def shelf(shelve: Shelve, tmp_path: Path) -> Path:
    for version in ("1.10.0", "1.9.0", "1.10.0-rc.1"):
        shelve(version)
    shelve("1.0.0", "app-db")
    (tmp_path / "shelf/app-9.9.9").mkdir()
    return tmp_path / "shelf"


@pytest.fixture
def store(shelf: Path, tmp_path: Path, trust: Trust) -> Path:
    """A store of all that is on the shelf."""
    folder = tmp_path / "store"
    for place in bundles_in(shelf):
        publish.push(read(place, trust), folder)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def pack(folder: Path, to: Path) -> Path:
    with to.open("wb") as file:
        archive.write(folder, file)
    return to
