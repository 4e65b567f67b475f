"""Runs that are aborted, rolled back, and applied again, on real OpenSSH hosts."""

from __future__ import annotations

import json
import signal

import pytest

from orchestrator.cli.main import main
from orchestrator.engines.ssh.channel import SshChannel
from orchestrator.rollout.states import HostState
from tests.baddays.holding import CANARY, assert_settled, await_hook, held
from tests.baddays.site import NEW, OLD, Area, Disk, Site

pytestmark = pytest.mark.ssh


# What operators ask


def test_abort_from_another_process(area: Area) -> None:
    with held(area) as controller:
        area.fleet("abort", "last", "--why", "changed our mind")
        controller.await_line('"request":"abort"')
        area.disk(CANARY).let_go("pre_activate")
        assert controller.wait() == 2, controller.stderr
    assert area.versions() == {"h001": NEW, "h002": OLD, "h003": OLD}
    assert not any(disk.locked or disk.on_trial for disk in area.disks)
    area.apply(NEW)
    assert_settled(area, NEW)


def test_abort_of_a_run_that_no_controller_drives(area: Area) -> None:
    with held(area) as controller:
        controller.send(signal.SIGINT)
        controller.await_line('"request":"pause"')
        area.disk(CANARY).let_go("pre_activate")
        assert controller.wait() == 99, controller.stderr
    told = area.fleet("abort", "last")
    assert CANARY in told.stdout
    area.fleet("resume", "last", expect=2)
    assert area.versions() == {"h001": NEW, "h002": OLD, "h003": OLD}
    assert not any(disk.locked or disk.on_trial for disk in area.disks)


def test_rollback_of_a_run_and_the_denylist(area: Area) -> None:
    area.apply(NEW)
    run = json.loads(area.fleet("history", "--output", "json").stdout)["run"]
    area.fleet("rollback", run, expect=2)
    assert_settled(area, OLD)
    refused = area.apply(NEW, expect=6)
    assert "was rolled back by run" in refused.stderr
    with area.journal() as journal:
        [denied] = journal.denied()
    area.fleet("denylist", "lift", denied.manifest[:12])
    area.apply(NEW)
    assert_settled(area, NEW)


def test_rollback_of_a_first_release_leaves_nothing_active(site: Site) -> None:
    area = site.area("first")
    area.apply(OLD)
    area.fleet("rollback", "app", expect=2)
    assert_settled(area, "")


def test_rollback_of_a_package_passes_over_runs_that_moved_nothing(site: Site) -> None:
    """Neither a run that found all there, nor one that failed before it began, is what is meant."""
    asked = {"command": "{{ answer | default('true') }}"}
    area = site.area("passed-over", package={"pre_checks": [asked]})
    area.apply(OLD)
    area.apply(OLD)
    area.apply(NEW, "-e", "answer=false", expect=2)
    area.fleet("rollback", "app", expect=2)
    assert_settled(area, "")


def test_rollback_of_a_run_in_mid_wave(area: Area) -> None:
    """The canary is done, the second wave is at work when its controller dies."""
    disk = area.disk("h002")
    disk.hold("post_activate")
    with area.start_apply(NEW) as controller:
        await_hook(disk, "post_activate")
        controller.send(signal.SIGKILL)
        controller.wait()
    disk.let_go("post_activate")
    area.fleet("rollback", "last", expect=2)
    assert_settled(area, OLD)


# Again


def test_the_same_plan_again_costs_one_login_and_one_round_trip(
    area: Area, monkeypatch, capsys
) -> None:
    area.apply(NEW)
    before = [(logins(disk), disk.history) for disk in area.disks]
    real, calls = SshChannel.call, []

    async def counted(self: SshChannel, requests, **rest):
        calls.append(len(requests))
        return await real(self, requests, **rest)

    monkeypatch.setattr(SshChannel, "call", counted)
    for name, value in area.environ.items():
        monkeypatch.setenv(name, value)
    assert main(["apply", str(area.plan), "-e", f"version={NEW}"]) == 0
    assert len(calls) == len(area.hosts)
    states = {host.state for host in area.rollout().hosts.values()}
    assert states == {HostState.SKIPPED}
    assert [(logins(disk), disk.history) for disk in area.disks] == [
        (count + 1, history) for count, history in before
    ]


def logins(disk: Disk) -> int:
    return disk.host.log.read_text().count("Accepted publickey")
