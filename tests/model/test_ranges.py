"""Ranges of versions mean what they mean to npm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.ranges import Range, is_range

# Range, version, whether `semver.satisfies` of npm's own package says so.
TABLE = [
    ("^2.4", "2.5.1", True),
    ("^2.4", "2.3.9", False),
    ("^2.4", "3.0.0", False),
    ("^0.2.3", "0.2.9", True),
    ("^0.2.3", "0.3.0", False),
    ("^0.0.3", "0.0.4", False),
    ("^ 1.2", "1.3.0", True),
    ("~1.2.3", "1.2.9", True),
    ("~1.2.3", "1.3.0", False),
    ("1.x", "1.9.0", True),
    ("*", "0.0.1", True),
    (">= 2 <3 || 4.1.0", "4.1.0", True),
    (">= 2 <3 || 4.1.0", "3.0.0", False),
    ("1.2.3 - 2.3", "2.3.9", True),
    ("1.2.3 - 2.3", "2.4.0", False),
    ("^1.2.3", "1.3.0-rc.1", False),
    (">=1.3.0-rc.1", "1.3.0-rc.2", True),
    (">=1.3.0-rc.1", "1.4.0-rc.2", False),
    ("<1.3.0", "1.3.0-rc.1", False),
    ("<1.3.0-rc.2", "1.3.0-rc.1", True),
    ("<1.3", "1.3.0-rc.1", False),
    ("latest", "1.0.0", True),
    ("latest", "1.0.0-rc.1", False),
]


@pytest.mark.parametrize(("text", "version", "allowed"), TABLE)
def test_what_a_range_allows(text, version, allowed):
    assert Range(text).allows(version) is allowed


def test_a_pin_allows_itself_alone():
    assert Range("1.2.0+build.1").pinned
    assert Range("1.2.0+build.1").allows("1.2.0+build.1")
    assert not Range("1.2.0").allows("1.2.0+build.1")


def test_the_best_is_the_highest_that_is_allowed():
    assert Range("^1").best(["1.9.0", "1.10.0", "2.0.0", "1.11.0-rc.1", "no"]) == "1.10.0"
    assert Range("^3").best(["1.9.0"]) is None


@pytest.mark.parametrize("text", ["", "  ", "^", "1.2.3.4", "newest", "^1 &", ">" * 300, "2x - 1"])
def test_what_is_no_range(text):
    assert not is_range(text)
    with pytest.raises(ValueError, match="is not a version"):
        Range(text)


TOKENS = ["^", "~", ">=", "<", "=", "||", " ", "-", " - ", "x", "1", "01", "2.3", "1.2.3", "1.2.x"]
TOKENS += ["1.2.3-rc.1", "+b", ".", "latest", "9" * 30, "\n", "\u0661", ","]


@given(st.lists(st.sampled_from(TOKENS), max_size=6).map("".join))
def test_any_text_is_a_range_or_not(text):
    if is_range(text):
        wanted = Range(text)
        wanted.best(["1.2.3", "1.2.3-rc.1", "2.0.0"])
        wanted.reached("1.2.3")
