"""What holds for all tests.

hypothesis plays the same examples each time, wherever it runs. Machines are booted once, in the one
worker that runs all tests marked ``machine``; only root can boot them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from orchestrator.lab.lab import Lab
from tests.labs import mend, start_machines

settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")

LONG = 40
ROOT_ONLY = pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get("CI"),
    reason="machines need root: run `make test` as root to test on real systems",
)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one worker run all tests on machines; in CI they fail where they cannot run."""
    for item in items:
        if item.get_closest_marker("machine"):
            item.add_marker(pytest.mark.xdist_group("machines"))
            item.add_marker(ROOT_ONLY)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a long value by its beginning: names of tests go into the environment."""
    if isinstance(val, str | bytes) and len(val) > LONG:
        return f"{val[:LONG]!r}…{len(val)}"
    return None


@pytest.fixture(scope="session")
def shared_machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return the lab of machines of this worker."""
    with start_machines(tmp_path_factory) as lab:
        yield lab


@pytest.fixture
def machines(shared_machines: Lab) -> Iterator[Lab]:
    """Return the lab of machines, all up; what a test does to them is undone, but not on disk."""
    mend(shared_machines)
    yield shared_machines
    mend(shared_machines)
