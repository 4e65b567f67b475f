from __future__ import annotations

import pytest

from orchestrator.host.versions import is_lower, version_of


@pytest.mark.parametrize(("low", "high"), [("1.0.0-rc.1", "1.0.0"), ("1.9.0", "1.10.0")])
def test_the_lower_one(low: str, high: str) -> None:
    assert is_lower(low, high)
    assert not is_lower(high, low)


@pytest.mark.parametrize(("one", "other"), [("1.0.0", "1.0.0+build.5"), ("x", "1.0.0"), ("1", "")])
def test_neither_is_lower(one: str, other: str) -> None:
    assert not is_lower(one, other)
    assert not is_lower(other, one)


@pytest.mark.parametrize(
    ("release", "version"),
    [("2.4.0-0123456789ab", "2.4.0"), ("1.0.0-rc.1-0123456789ab", "1.0.0-rc.1"), ("junk", "")],
)
def test_version_of(release: str, version: str) -> None:
    assert version_of(release) == version
