"""URLs and hosts that could be asked, and those that never could."""

from __future__ import annotations

import pytest

from orchestrator.schema import host_flaw, url_flaw

HOSTS = [
    "locks.example.net",
    "locks.example.net.",
    "127.0.0.1",
    "::1",
    "fe80::1%eth0",
    "a_b",
    "xn--bcher-kva.example",
    "bücher.example",
    "bu\u0308cher.example",
    "1",
]
NO_HOSTS = ["", "a..b", ".", "1.2.3.999", "-x", "a:b", "::1::", "a b", "x" * 64, "x." * 127, "x\\y"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("port", ["", ":1", ":65535/health?x=1"])
def test_what_could_be_asked(host, port):
    assert host_flaw(host) == ""
    assert url_flaw(f"https://{f'[{host}]' if ':' in host else host}{port}") == ""


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_is_no_host(host):
    assert host_flaw(host)
    assert url_flaw(f"http://{host}/x")


@pytest.mark.parametrize(
    ("url", "flaw"),
    [
        ("http://x:999999", "its port is not from 1 to 65535"),
        ("http://x:0", "its port is not from 1 to 65535"),
        ("http://x:y", "its port is not from 1 to 65535"),
        ("http://[::1", "what stands in brackets is not an IPv6 address"),
        ("http://[zz]", "what stands in brackets is not an IPv6 address"),
        ("http:///path", "it names no host"),
        ("http://:80", "it names no host"),
        ("http://a..b", "'a..b' is neither the name of a host nor an IP address"),
    ],
)
def test_what_can_never_be_asked(url, flaw):
    assert url_flaw(url) == flaw
