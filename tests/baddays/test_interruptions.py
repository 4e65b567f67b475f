"""Controllers that are interrupted, or die while a hook is at work, on real OpenSSH hosts."""

from __future__ import annotations

import signal

import pytest

from orchestrator.rollout.states import HostState
from tests.baddays.holding import CANARY, assert_settled, held
from tests.baddays.site import BAD, NEW, OLD, Area, Site
from tests.labs import eventually

pytestmark = pytest.mark.ssh


def test_ctrl_c_finishes_what_is_in_flight(area: Area) -> None:
    with held(area) as controller:
        controller.send(signal.SIGINT)
        controller.await_line('"request":"pause"')
        area.disk(CANARY).let_go("pre_activate")
        assert controller.wait() == 99, controller.stderr
    assert area.versions() == {"h001": NEW, "h002": OLD, "h003": OLD}
    assert not any(disk.on_trial for disk in area.disks)
    states = [host.state for host in area.rollout().hosts.values()]
    assert states[1:] == [HostState.PENDING, HostState.PENDING]
    area.fleet("resume", "last")
    assert_settled(area, NEW)


def test_ctrl_c_with_a_failure_exits_2(area: Area) -> None:
    with held(area, version=BAD) as controller:
        controller.send(signal.SIGINT)
        controller.await_line('"request":"pause"')
        area.disk(CANARY).let_go("pre_activate")
        assert controller.wait() == 2, controller.stderr
    assert_settled(area, OLD)


def test_ctrl_c_twice_leaves_at_once(area: Area) -> None:
    disk = area.disk(CANARY)
    with held(area) as controller:
        controller.send(signal.SIGINT)
        controller.await_line('"request":"pause"')
        controller.send(signal.SIGINT)
        assert controller.wait() == 99, controller.stderr
    assert disk.on_trial
    disk.let_go("pre_activate")
    area.fleet("resume", "last")
    assert_settled(area, NEW)


def test_a_host_left_on_trial_goes_back_by_itself(site: Site, old: Area) -> None:
    area = site.area(
        "left",
        like=old,
        package={"trial": {"deadline": "5s"}},
        timeouts={"connect": "5s", "validate": "3s", "confirm": "2s"},
    )
    disk = area.disk(CANARY)
    with held(area, hook="post_activate") as controller:
        controller.send(signal.SIGKILL)
        controller.wait()
    assert disk.version == NEW
    disk.let_go("post_activate")
    assert eventually(lambda: disk.version == OLD and not disk.on_trial)
    area.fleet("resume", "last", expect=2)
    assert area.rollout().hosts[CANARY].state is HostState.REVERTED
    assert_settled(area, OLD)


@pytest.mark.parametrize("hook", ["pre_activate", "step", "post_activate"])
def test_a_controller_dies_while_a_hook_is_at_work(site: Site, hook: str) -> None:
    area = site.area(f"dies-{hook}")
    disk = area.disk(CANARY)
    disk.hold(hook)
    with area.start_apply(OLD) as controller:
        assert eventually(lambda: any(line.startswith(hook) for line in disk.trace))
        controller.send(signal.SIGKILL)
        controller.wait()
    disk.let_go(hook)
    area.fleet("resume", "last")
    assert disk.ledger == ["words"]
    others = [line for line in disk.trace if not line.startswith(hook)]
    assert len(others) == len(set(others)), disk.trace
    assert_settled(area, OLD)


@pytest.mark.parametrize("hook", ["pre_revert", "post_revert"])
def test_a_controller_dies_while_a_host_goes_back(area: Area, hook: str) -> None:
    with held(area, hook=hook, version=BAD) as controller:
        controller.send(signal.SIGKILL)
        controller.wait()
    area.disk(CANARY).let_go(hook)
    area.fleet("resume", "last", expect=2)
    assert area.rollout().hosts[CANARY].state is HostState.REVERTED
    assert_settled(area, OLD)
