"""Places to run the host program in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.platforms import USUAL, chosen
from tests.host.program.driver import Place, kill_all, living, until
from tests.host.program.hooking import OLD


def make_place(path: str, folder: Path) -> Place:
    environment = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"}
    return Place(folder / "root", folder / "state", environment)


@pytest.fixture(params=chosen(*USUAL))
def place(request: pytest.FixtureRequest, platforms: dict[str, str], tmp_path: Path) -> Place:
    """Return an empty place, once for each platform."""
    return make_place(platforms[request.param], tmp_path)


@pytest.fixture
def dash(platforms: dict[str, str], tmp_path: Path) -> Place:
    """Return an empty place in dash, for what no shell does in its own way."""
    return make_place(platforms["dash"], tmp_path)


@pytest.fixture
def ready(place: Place) -> Place:
    """Return a place on which the old release is committed."""
    with place.session() as session:
        place.install(session, OLD)
    return place


@pytest.fixture
def prepared(dash: Place) -> Place:
    """Return the same, in dash alone."""
    with dash.session() as session:
        dash.install(session, OLD)
    return dash


@pytest.fixture(autouse=True)
def no_process_left(tmp_path: Path) -> Iterator[None]:
    """End the watchdogs of trials that a test left on; nothing else may be left."""
    yield
    for program in tmp_path.glob("**/state/*/program"):
        kill_all(str(program))
    try:
        until(lambda: not living(str(tmp_path)), patience=10)
    except AssertionError:
        pytest.fail(f"left behind: {living(str(tmp_path))}")
