"""What a semantic version is, and how versions sort."""

from __future__ import annotations

from itertools import combinations

import pytest

from orchestrator.model.version import LONGEST, is_version, precedence

# semver.org 2.0.0, clause 11
RISING = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
]
LONG = "1.0.0-" + "9" * (LONGEST - 6)


@pytest.mark.parametrize(("low", "high"), list(combinations(RISING, 2)))
def test_precedence(low: str, high: str) -> None:
    assert precedence(low) < precedence(high)


def test_what_built_it_does_not_count() -> None:
    assert precedence("1.0.0") == precedence("1.0.0+build.5")


@pytest.mark.parametrize("text", [*RISING, "0.0.0", "1.0.0-0a.-", "1.0.0-a+001.b-c", LONG])
def test_versions(text: str) -> None:
    assert is_version(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "1.0.0.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0-a..b",
        "1.0.0+",
        "1.0.0 ",
        "1.0.0\n",
        "\u0661.0.0",
        LONG + "9",
        "9" * 5000 + ".0.0",
    ],
)
def test_no_versions(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ValueError, match="is not a semantic version"):
        precedence(text)
