"""One site for each module of tests, and one area for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.baddays.site import OLD, Area, Site, start_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory) as started:
        yield started


@pytest.fixture(scope="module")
def old(site: Site) -> Area:
    """An area whose hosts have the old release."""
    area = site.area("old")
    area.apply(OLD)
    return area


@pytest.fixture
def area(request: pytest.FixtureRequest, site: Site, old: Area) -> Area:
    """An area of one test, whose hosts have the old release."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.removeprefix("test_"))
    return site.area(name.strip("-"), like=old)
