"""A site where media are built, and the shells that hosts have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.conftest import platforms
from tests.host.platforms import USUAL, chosen
from tests.host.program.conftest import no_process_left
from tests.media.site import Alone, Site

__all__ = ["no_process_left", "platforms"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return an ops box with a key and signed bundles."""
    return Site.made(tmp_path_factory.mktemp("site"))


@pytest.fixture
def alone(site: Site, platforms: dict[str, str], tmp_path: Path) -> Alone:
    """Return a host without a network, with dash."""
    return Alone(tmp_path / "store-1", platforms["dash"])


@pytest.fixture(params=chosen(*USUAL))
def any_alone(
    request: pytest.FixtureRequest, site: Site, platforms: dict[str, str], tmp_path: Path
) -> Alone:
    """Return a host without a network, once for each platform."""
    return Alone(tmp_path / "store-1", platforms[request.param])
