"""Built bundles to serve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.bundles.build import build
from orchestrator.bundles.signing import sign
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
