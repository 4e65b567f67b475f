"""From a plan's use to a check for one host."""

from __future__ import annotations

import subprocess
from inspect import signature

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.checks import CHECKS, build_check
from orchestrator.checks.command import Command
from orchestrator.checks.file_content import FileContent
from orchestrator.checks.http import Http
from orchestrator.checks.platform import PlatformIs
from orchestrator.checks.port_free import PortFree
from orchestrator.checks.script import Script
from orchestrator.errors import InputError, Position
from orchestrator.model.plan import Use
from orchestrator.schema import shape_of

PLACE = Position("plan.yml", 7, 9)


def use(name: str, **options: object) -> Use:
    return Use(name, tuple(sorted(options.items())), PLACE)


def test_templates_are_rendered_for_a_host():
    variables = {"url": "http://127.0.0.1", "release": {"version": "2.4"}, "code": 204}
    chosen = use("http", url="{{ url }}/x", status="{{ code }}", contains="{{ release.version }}")
    assert build_check(chosen, variables) == Http("http://127.0.0.1/x", 204, "2.4")


def test_decoded_values_are_taken_as_they_are():
    chosen = use("platform", os=("debian",), arch=("amd64", "arm64"))
    assert build_check(chosen, {}) == PlatformIs(("debian",), ("amd64", "arm64"))
    assert build_check(use("command", run="x", timeout=90.0), {}) == Command("x", 90.0)
    assert build_check(use("port_free", port=80), {}) == PortFree(80)


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        (
            use("http", url="{{ ulr }}"),
            "plan.yml:7:9: http.url: variable 'ulr' is not defined; did you mean 'url'?",
        ),
        (
            use("port_free", port="{{ url }}"),
            "plan.yml:7:9: port_free.port: expected a whole number from 1 to 65535, found 'x'",
        ),
        (
            use("script", run="{{ up }}"),
            (
                "plan.yml:7:9: script.run: expected a path inside the bundle, found '../x'; "
                "write it relative, without '..'"
            ),
        ),
        (
            use("http", url="http://{{ url }}:99999"),
            (
                "plan.yml:7:9: http.url: 'http://x:99999' can never be asked: "
                "its port is not from 1 to 65535; write e.g. http://127.0.0.1:8080"
            ),
        ),
        (
            use("command", run="echo {{ nul }}"),
            (
                "plan.yml:7:9: command.run: holds a NUL, or what is not UTF-8; "
                "remove it: no shell takes it"
            ),
        ),
        (
            use("tcp", address="{{ url }}..y:80"),
            "plan.yml:7:9: tcp: 'x..y:80' is not an address; write e.g. 127.0.0.1:80",
        ),
        (
            use("tcp", address="{{ url }}"),
            "plan.yml:7:9: tcp: asks for no single port; write 'address:port', or give 'port'",
        ),
    ],
)
def test_what_a_host_makes_of_templates_is_checked(chosen, problem):
    with pytest.raises(InputError) as caught:
        build_check(chosen, {"url": "x", "up": "../x", "nul": "\0"})
    assert str(caught.value) == problem


@pytest.mark.parametrize("path", ["a", "bin/validate", "a/..b/c..", "...", "a b/it's", ".hidden/x"])
def test_paths_inside_a_bundle(path):
    assert build_check(use("script", run=path), {}) == Script(path)


@pytest.mark.parametrize(
    "path", ["/a", "..", ".", "../a", "a/../b", "a/..", "./a", "a//b", "a/", "-x", "", "a\nb"]
)
def test_paths_that_leave_the_bundle(path):
    with pytest.raises(InputError):
        build_check(use("script", run=path), {})


def test_every_check_is_a_described_dataclass():
    for name, check in CHECKS.items():
        shape = shape_of(check)
        assert {item.name for item in shape.fields} == set(signature(check).parameters)
        assert shape.help.endswith("."), name
        assert not shape.short or shape.short in {item.name for item in shape.fields}
        assert all(item.help.endswith(".") for item in shape.fields)


_hostile = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1, max_size=40)


@given(_hostile, _hostile)
@settings(max_examples=25, deadline=None)
def test_no_value_is_ever_run(tmp_path_factory, one, two):
    """Whatever the options, the script stays well-formed and says what it looked for."""
    path = f"/no such folder/{one}"
    script = FileContent(path, contains=two).script()
    done = subprocess.run(["dash", "-c", script], capture_output=True, check=False, timeout=20)
    assert done.returncode == 1
    assert done.stdout.decode() == f"there is no {path}\n"
