"""Durations, sizes and amounts, there and back; and frozen values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.plan import Amount
from orchestrator.schema import Pairs, freeze, thaw, units


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90s", 90.0),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("2d", 172800.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        ("90", 90.0),
        ("0", 0.0),
        ("", None),
        ("m", None),
        ("1:30", None),
        ("-1s", None),
        ("1 m", None),
        ("5min", None),
        ("inf", None),
    ],
)
def test_durations(text, value):
    assert units.seconds(text) == value


@given(st.integers(0, 10**10))
def test_spelled_durations_are_read_back(milliseconds):
    value = milliseconds / 1000
    assert units.seconds(units.spell_seconds(value)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500MiB", 500 * 1024**2),
        ("2 GB", 2 * 10**9),
        ("1.5KiB", 1536),
        ("10kB", 10_000),
        ("7B", 7),
        ("4096", 4096),
        ("500MB/s", None),
        ("5M", None),
        ("-1", None),
        ("", None),
    ],
)
def test_sizes(text, value):
    assert units.size(text) == value


@given(st.integers(0, 10**15))
def test_spelled_sizes_are_read_back(value):
    assert units.size(units.spell_size(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10%", Amount(10, percent=True)),
        ("2.5%", Amount(2.5, percent=True)),
        ("3", Amount(3)),
        ("3.5", None),
        ("-3", None),
        ("%", None),
    ],
)
def test_amounts(text, value):
    assert units.amount(text) == value


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(_plain)
def test_frozen_values_hash_and_thaw(value):
    frozen = freeze(value)
    hash(frozen)
    assert thaw(frozen) == value


def test_a_list_of_pairs_is_no_mapping():
    assert thaw(freeze([["a", 1]])) == [["a", 1]]
    assert freeze({"b": 1, "a": 2}) == Pairs([("a", 2), ("b", 1)])
