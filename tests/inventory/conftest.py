"""Inventories written for one test."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import InventoryError
from orchestrator.inventory import Inventory, load

Write = Callable[[str, str], str]
Problems = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into the working folder, and return its name."""
    monkeypatch.chdir(tmp_path)

    def writing(name: str, text: str) -> str:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
        return name

    return writing


@pytest.fixture
def ini(write: Write) -> Callable[..., Inventory]:
    """Load an inventory of INI text."""

    def loading(text: str, **options: object) -> Inventory:
        return load([write("hosts", text)], **options)  # type: ignore[arg-type]

    return loading


@pytest.fixture
def problems(write: Write) -> Problems:
    """Load an inventory that is not valid, and return its problems."""

    def loading(text: str, name: str = "hosts", **options: object) -> list[str]:
        with pytest.raises(InventoryError) as caught:
            load([write(name, text)], **options)  # type: ignore[arg-type]
        return [str(problem) for problem in caught.value.problems]

    return loading
