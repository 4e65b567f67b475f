import pytest

from tests.checks.running import SHELLS, Host


@pytest.fixture(params=SHELLS)
def host(request, tmp_path) -> Host:
    """A host with one of the shells."""
    return Host(request.param, tmp_path)
