"""Shares round up, take at least one host and at most all, and are exact to the last digit."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.counting import exact, share_of
from orchestrator.model.plan import Amount


@pytest.mark.parametrize(
    ("value", "percent", "total", "taken"),
    [
        (10, True, 100, 10),
        (10, True, 101, 11),
        (10, True, 3, 1),
        (0.1, True, 50_000, 50),
        (7, True, 100, 7),  # 100 * 0.07 is 7.000000000000001 in binary
        (33.3, True, 1000, 333),
        (100, True, 7, 7),
        (3, False, 100, 3),
        (3, False, 2, 2),
        (10, True, 0, 0),
        (3, False, 0, 0),
    ],
)
def test_share_of_by_example(value, percent, total, taken):
    assert share_of(Amount(value, percent), total) == taken


@given(
    st.decimals(min_value="0.01", max_value=100, places=2),
    st.integers(min_value=1, max_value=100_000),
)
def test_a_share_is_the_least_whole_number_that_is_enough(percent, total):
    amount = Amount(float(percent), percent=True)
    wanted = Fraction(percent) * total / 100
    taken = share_of(amount, total)
    assert exact(amount, total) == wanted
    assert 1 <= taken <= total
    assert taken >= wanted > taken - 1
