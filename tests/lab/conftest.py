from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.lab.lab import Lab
from orchestrator.lab.spec import LabHost
from tests.labs import LOOPBACK, mend, start_lab


@pytest.fixture(scope="module", params=LOOPBACK)
def shared_lab(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    with start_lab(tmp_path_factory, 2, request.param) as lab:
        yield lab


@pytest.fixture
def lab(shared_lab: Lab) -> Iterator[Lab]:
    yield shared_lab
    mend(shared_lab)


@pytest.fixture
def host(lab: Lab) -> LabHost:
    return lab.hosts[0]
