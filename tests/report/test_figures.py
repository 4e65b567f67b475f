"""Numbers as people read them."""

from __future__ import annotations

import pytest

from orchestrator.report.figures import size, span


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 20, "5.0 MiB"), (3 << 41, "6.0 TiB")],
)
def test_sizes(count, expected):
    assert size(count) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-1, "0.0s"), (0.44, "0.4s"), (12, "12s"), (59.6, "1m00s"), (185, "3m05s"), (7440, "2h04m")],
)
def test_spans(seconds, expected):
    assert span(seconds) == expected
