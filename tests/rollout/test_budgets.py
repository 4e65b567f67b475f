"""The counting rules of design section 5."""

from __future__ import annotations

import pytest

from orchestrator.model.plan import Amount
from orchestrator.rollout.budgets import exceeded, unavailable_at_once


@pytest.mark.parametrize(
    ("amount", "total", "hosts"),
    [
        (Amount(10, percent=True), 45, 4),
        (Amount(10, percent=True), 9, 1),
        (Amount(100, percent=True), 7, 7),
        (Amount(3), 2, 3),
        (Amount(0), 5, 1),
    ],
)
def test_unavailability_rounds_down_and_is_at_least_one(amount, total, hosts):
    assert unavailable_at_once(amount, total) == hosts


@pytest.mark.parametrize(
    ("limit", "sample", "bad", "finished", "size", "halts"),
    [
        (Amount(0), 1, 0, 5, 10, False),
        (Amount(0), 1, 1, 1, 10, True),
        (Amount(2), 1, 2, 9, 10, False),
        (Amount(2), 1, 3, 3, 10, True),
        (Amount(2, percent=True), 20, 3, 19, 100, False),
        (Amount(2, percent=True), 20, 3, 20, 100, True),
        (Amount(2, percent=True), 20, 2, 100, 100, False),
        (Amount(2, percent=True), 20, 1, 4, 5, False),
        (Amount(2, percent=True), 20, 1, 5, 5, True),
        (Amount(0.1, percent=True), 1, 1, 1000, 1000, False),
    ],
)
def test_failure_budgets_are_exceeded_strictly(limit, sample, bad, finished, size, halts):
    assert exceeded(limit, sample, bad=bad, finished=finished, size=size) is halts
