"""A reboot lock that others hold: a run that waits for it obeys, and leaves nothing taken."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.ports import Granted
from tests.baddays.site import NEW, OLD, Area, Site, start_site
from tests.gates.asking import gate
from tests.gates.serving import Server

pytestmark = [pytest.mark.ssh, pytest.mark.timeout(180)]

SOON = 15.0
"""Seconds within which a run has left that a gate holds; the gate may hold it for an hour."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, hosts=2) as site:
        yield site


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a lock with one slot, which somebody has."""
    made = Server(tmp_path / "slots.json")
    made.start()
    assert asyncio.run(gate(made.url).acquire("somebody")) == Granted()
    yield made
    made.stop()


def area_at(site: Site, server: Server, name: str) -> Area:
    lock = {"fleet_lock": {"url": server.url, "interval": "2s", "wait": "1h"}}
    return site.area(name, package={"reboot": {"lock": lock}}, commit="wave")


def test_a_run_that_a_gate_holds_is_paused_and_goes_on(site: Site, server: Server) -> None:
    area = area_at(site, server, "held")
    with area.start_apply(OLD) as running:
        running.await_line('"result":"held"')
        told = area.fleet("why", "last").stdout
        assert f"reboot lock: h001 (staged): held by fleet_lock {server.url}" in told
        assert "all slots are locked already" in told
        began = time.monotonic()
        running.send(signal.SIGTERM)
        assert running.wait() == 99, running.stderr
        assert time.monotonic() - began < SOON
    assert server.holders() == ["somebody"]
    asyncio.run(gate(server.url).release("somebody"))
    area.fleet("resume", "last")
    assert area.versions() == area.all_on(OLD)
    assert server.holders() == []


def test_a_run_that_a_gate_holds_is_aborted(site: Site, server: Server) -> None:
    area = area_at(site, server, "aborted")
    with area.start_apply(NEW) as running:
        running.await_line('"result":"held"')
        began = time.monotonic()
        area.fleet("abort", "last")
        assert running.wait() == 2, running.stderr
        assert time.monotonic() - began < SOON
    assert set(area.versions().values()) == {""}
    assert server.holders() == ["somebody"]
