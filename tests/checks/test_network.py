"""Checks that connect, run for real against sockets of this machine."""

from __future__ import annotations

import sys

import pytest

from orchestrator.checks.base import Verdict
from orchestrator.checks.http import Http
from orchestrator.checks.tcp import Tcp
from orchestrator.schema import Wrong
from tests.checks.running import Host, listening, refusing, serving


def equip(host: Host, tool: str) -> None:
    """Give the host one tool that connects."""
    if tool.startswith("busybox-"):
        host.add(tool.removeprefix("busybox-"), "busybox")
    elif tool == "python3":
        host.fake("python3", f'exec {sys.executable} "$@"')
    elif tool != "none":
        host.add(tool)


@pytest.mark.parametrize("tool", ["bash", "python3", "busybox-nc"])
def test_tcp(host, tool):
    equip(host, tool)
    with listening() as port:
        result = host.run(Tcp("127.0.0.1", port, timeout=2.0).script())
        assert (result.code, result.reason) == (0, f"127.0.0.1 port {port} takes connections")
    with refusing() as port:
        result = host.run(Tcp(f"127.0.0.1:{port}").script())
        reason = f"127.0.0.1 port {port} takes no connections"
        assert (result.code, result.reason) == (Verdict.NOT_YET, reason)


def test_tcp_over_ipv6(host):
    equip(host, "bash")
    with listening("::1") as port:
        assert host.run(Tcp(f"[::1]:{port}").script()).code == Verdict.YES
        assert host.run(Tcp("::1", port).script()).code == Verdict.YES


def test_tcp_without_a_tool(host):
    assert host.run(Tcp("127.0.0.1:9").script()).code == Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("address", "port"), [("host", None), ("host:80", 80), ("host:0", None), ("host:99999", None)]
)
def test_tcp_needs_one_port(address, port):
    with pytest.raises(Wrong):
        Tcp(address, port)


@pytest.mark.parametrize("tool", ["curl", "wget", "busybox-wget", "python3"])
def test_http(host, tool):
    equip(host, tool)
    with serving() as url:
        answered = [
            (Http(f"{url}/200/"), 0, "answers 200"),
            (Http(f"{url}/200/", contains="version 2.4"), 0, "answers 200"),
            (Http(f"{url}/404/", status=404), 0, "answers 404"),
            (Http(f"{url}/500/"), 1, "answers 500, not 200"),
            (Http(f"{url}/503/"), 21, "answers 503: not ready"),
            (Http(f"{url}/200/?$(id)", contains="2.5"), 1, "answers 200, but without '2.5'"),
            (Http(f"{url}/200/", contains="127.0.0.1"), 1, "but without '127.0.0.1'"),
        ]
        for check, code, reason in answered:
            result = host.run(check.script())
            assert (result.code, result.reason) == (code, result.reason), result.output
            assert result.reason.startswith(check.url)
            assert result.reason.endswith(reason)
    with refusing() as port:
        result = host.run(Http(f"http://127.0.0.1:{port}/").script())
        said = f"http://127.0.0.1:{port}/ gives no answer"
        assert (result.code, result.reason) == (Verdict.NOT_YET, said)
    assert [path.name for path in host.tools.parent.iterdir() if path.name.startswith("tmp.")] == []


@pytest.mark.parametrize("tool", ["curl", "wget", "python3"])
def test_http_redirects_are_answers(host, tool):
    equip(host, tool)
    with serving() as url:
        result = host.run(Http(f"{url}/302/").script())
        assert (result.code, result.reason) == (1, f"{url}/302/ answers 302, not 200")
        assert host.run(Http(f"{url}/302/", status=302).script()).code == Verdict.YES


@pytest.mark.parametrize("tool", ["curl", "wget", "busybox-wget", "python3"])
def test_http_of_a_server_that_is_silent(host, tool):
    equip(host, tool)
    with listening() as port:
        result = host.run(Http(f"http://127.0.0.1:{port}/", timeout=2.0).script())
    assert result.code == Verdict.NOT_YET


def test_http_without_a_tool(host):
    result = host.run(Http("http://127.0.0.1/").script())
    assert result.code == Verdict.UNKNOWN
    assert result.reason.endswith("no curl, wget or python3 here")
