"""Ranges and ports of hosts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.inventory import addresses


@pytest.mark.parametrize(
    ("pattern", "names", "port"),
    [
        ("web[01:05:2]", ["web01", "web03", "web05"], None),
        ("x[a:c]:22", ["xa", "xb", "xc"], 22),
        ("r[1:2]-[x:y].net", ["r1-x.net", "r1-y.net", "r2-x.net", "r2-y.net"], None),
        ("h[:2]", ["h0", "h1", "h2"], None),
        ("[2001:db8::1]:2222", ["2001:db8::1"], 2222),
        ("2001:db8::1", ["2001:db8::1"], None),
        ("10.0.0.[9:11]:22", ["10.0.0.9", "10.0.0.10", "10.0.0.11"], 22),
    ],
)
def test_what_patterns_stand_for(pattern, names, port):
    assert addresses.hosts(pattern) == (names, port)


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("", "the name of the host is empty"),
        ("h[1]", "is not [begin:end]"),
        ("h[1:]", "has no end"),
        ("h[01:100]", "not equally long"),
        ("h[1:5:0]", "the step of range"),
        ("h[1:5:x]", "the step of range"),
        ("h[Y:b]", "ends before it begins"),
        ("h[5:1]", "ends before it begins"),
        ("h[ab:cd]", "neither of numbers nor of single letters"),
        ("h[1:2", "do not pair up"),
        ("h1:2]", "do not pair up"),
        ("h[0:99999999999]", "more than 1000000"),
        ("h[0:9999]-[0:9999]", "stands for 100000000 hosts"),
    ],
)
def test_what_is_wrong_with_a_range(pattern, what):
    with pytest.raises(ValueError, match=re.escape(what)):
        addresses.hosts(pattern)


@given(st.integers(0, 500), st.integers(0, 60), st.integers(1, 9))
def test_numbers_keep_their_width(begin, more, step):
    end = begin + more
    names, _ = addresses.hosts(f"h[{begin:04}:{end:04}:{step}]")
    assert names == [f"h{number:04}" for number in range(begin, end + 1, step)]
