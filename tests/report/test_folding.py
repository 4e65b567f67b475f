"""Folding hosts: by example, and that nothing is lost or made up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.folding import Span, compact, fold, spans


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["h1"], "h1"),
        (["h2", "h1"], "h1, h2 (2 hosts)"),
        ([f"h{n:03}" for n in range(1, 41)], "h001-h040 (40 hosts)"),
        (["h8", "h9", "h10", "h11"], "h8-h11 (4 hosts)"),
        (["h08", "h09", "h10"], "h08-h10 (3 hosts)"),
        (["h9", "h010", "h011", "h012"], "h9, h010-h012 (4 hosts)"),
        (["a1", "a2", "a3", "b", "a5"], "a1-a3, a5, b (5 hosts)"),
        (["w0-1", "w0-2", "w0-3"], "w0-1..w0-3 (3 hosts)"),
        (["web1.eu", "web2.eu", "web3.eu", "web3.us"], "web1.eu-web3.eu, web3.us (4 hosts)"),
        (["r1n3", "r2n1", "r1n2", "r1n1", "r2n2"], "r1n1-r1n3, r2n1, r2n2 (5 hosts)"),
        (["10.0.0.9", "10.0.0.10", "10.0.0.11"], "10.0.0.9-10.0.0.11 (3 hosts)"),
        ([], ""),
    ],
)
def test_compact_by_example(hosts, expected):
    assert compact(hosts) == expected


def test_hosts_that_form_no_span_are_counted_beyond_a_few():
    odd = [f"h{n}" for n in range(1, 200, 2)]
    assert compact(odd, parts=3) == "h1, h3, h5 and 97 more (100 hosts)"


def expand(span: Span) -> list[str]:
    """Undo a span by the one rule that its docstring gives."""
    if span.count == 1:
        return [span.first]
    first, last = (re.split(r"([0-9]{1,18})", name) for name in (span.first, span.last))
    (place,) = [at for at, (a, b) in enumerate(zip(first, last, strict=True)) if a != b]
    width, start = len(first[place]), int(first[place])
    return [
        "".join([*first[:place], str(start + n).zfill(width), *first[place + 1 :]])
        for n in range(span.count)
    ]


name = st.one_of(
    st.builds("h{:03}".format, st.integers(0, 30)),
    st.builds("h{}".format, st.integers(0, 30)),
    st.builds("r{}-n{}.x".format, st.integers(0, 3), st.integers(8, 12)),
    st.text("ab01-.", min_size=1, max_size=6),
    st.text(min_size=1, max_size=8),
)


@given(st.lists(name, max_size=60))
def test_spans_name_every_host_once_and_no_other(hosts):
    found = spans(hosts)
    expanded = [host for span in found for host in expand(span)]
    assert sorted(expanded) == sorted(set(hosts))
    assert sum(span.count for span in found) == len(set(hosts))


@given(st.lists(name, max_size=40), st.randoms())
def test_the_order_of_the_hosts_does_not_matter(hosts, random):
    shuffled = random.sample(hosts, len(hosts))
    assert spans(shuffled) == spans(hosts)


@given(st.lists(st.tuples(st.sampled_from("xyz"), name), max_size=40))
def test_fold_keeps_every_host_with_what_it_said(items):
    groups = fold(items)
    assert sorted((said, host) for said, hosts in groups.items() for host in hosts) == sorted(items)
    assert list(groups) == list(dict.fromkeys(said for said, _ in items))
