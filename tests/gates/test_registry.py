"""From a plan's use to a gate for one host."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest

from orchestrator.errors import InputError
from orchestrator.gates import A_DAY, GATES, build_gate, longest_wait
from orchestrator.gates.fleet_lock import FleetLock
from orchestrator.schema import shape_of

from .asking import Hours, gate, use


def test_templates_are_rendered_for_a_host():
    chosen = use(url="https://{{ site }}/lock", id="{{ serial }}", wait=60.0)
    built = build_gate(chosen, {"site": "a.example.net", "serial": "s1"}, Hours())
    assert built.gate == FleetLock("https://a.example.net/lock", id="s1", wait=60.0)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "locks"}, "begin it with https:// or http://; a token goes into token_file"),
        ({"url": "https://me:s3cret@a.example.net"}, "a token goes into token_file"),
        ({"url": "https://a.example.net?token=s3cret"}, "a token goes into token_file"),
        ({"url": "http://127.0.0.1:port"}, "can never be asked: its port is not from 1 to 65535"),
        ({"url": "http://a:999999"}, "can never be asked: its port is not from 1 to 65535"),
        ({"url": "http://a..b"}, "can never be asked: 'a..b' is neither the name of a host"),
        ({"url": "http:///lock"}, "can never be asked: it names no host"),
        ({"url": "https://\u2603\ufe0f.example"}, "is no URL: Invalid IDNA"),
        ({"url": "http://a", "group": "a_b"}, "expected a group, found 'a_b'"),
        ({"url": "http://a", "ca": "x.pem"}, "expected an absolute path"),
        ({"url": "http://a.example.net", "token_file": "/t"}, "would be sent unencrypted"),
        ({"url": "{{ no }}"}, "variable 'no' is not defined"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(options, problem):
    with pytest.raises(InputError, match=r"plan\.yml:7:9: fleet_lock") as caught:
        build_gate(use(**options), {}, Hours())
    assert problem in str(caught.value)


@pytest.mark.parametrize("url", ["https://a.example.net", "http://127.0.0.1:1", "http://localhost"])
def test_a_token_goes_where_nobody_listens_in(url):
    assert gate(url, token_file="/t").gate == FleetLock(url, token_file="/t")


def test_every_gate_is_a_described_dataclass():
    for name, kind in GATES.items():
        shape = shape_of(kind)
        assert {item.name for item in shape.fields} == set(signature(kind).parameters)
        assert shape.help.endswith("."), name
        assert all(item.help.endswith(".") for item in shape.fields)


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 3600.0), ({"wait": 7200.0}, 7200.0), ({"wait": "{{ patience }}"}, A_DAY)],
)
def test_how_long_a_host_may_wait(options: dict[str, Any], seconds: float) -> None:
    assert longest_wait(use(url="https://x", **options)) == seconds
