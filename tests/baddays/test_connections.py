"""A host's power, network or sshd goes in the middle of a phase, while its neighbours go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from orchestrator.lab.lab import Lab
from orchestrator.model.event import Action, Result
from orchestrator.rollout.states import HostState
from tests.baddays.hosts_site import (
    SHORT_TRIAL,
    await_gate,
    await_result,
    close_gate,
    is_whole,
    left_behind,
    make_area,
    mend_hosts,
    only_new,
    open_gate,
    results,
    starts,
    watchdogs,
)
from tests.baddays.site import NEW, OLD, Area, Site, start_site
from tests.labs import eventually, mend

pytestmark = [pytest.mark.ssh]

KILLED, CUT, FROZEN, WELL = range(4)
HURT = (KILLED, CUT, FROZEN)
A, H, R = Action, HostState, Result


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 4) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    yield shared_site
    mend_hosts(shared_site)


def hurt(lab: Lab) -> None:
    """Take the power from one host, the network from another, and freeze the sshd of a third."""
    names = [host.name for host in lab.hosts]
    lab.kill(names[KILLED])
    lab.cut(names[CUT])
    lab.freeze(names[FROZEN])


def hurt_names(area: Area) -> list[str]:
    return [area.hosts[index] for index in HURT]


def converges(area: Area) -> None:
    """Prove that applying again brings all hosts to the new release, and leaves nothing else."""
    again = area.apply(NEW, "--output", "json")
    assert again.returncode == 0
    assert all(is_whole(disk, NEW) for disk in area.disks)
    assert not any(disk.on_trial or disk.locked for disk in area.disks)
    hosts = area.site.lab.hosts
    assert eventually(lambda: not any(left_behind(area.site, host) for host in hosts))
    assert eventually(lambda: not any(watchdogs(area, host) for host in hosts))


@pytest.mark.parametrize("action", [A.CHECK, A.STAGE])
def test_before_activation_it_is_unreachable_and_nothing_was_switched(
    site: Site, action: Action
) -> None:
    area = lost_before_activation(site, f"before-{action}", action)
    for name in hurt_names(area):
        assert results(area, name, action) == [R.UNREACHABLE]
        assert area.rollout().hosts[name].state is H.FAILED
        assert is_whole(area.disk(name), OLD)
        assert not area.disk(name).on_trial
    assert is_whole(area.disks[WELL], NEW)


def test_lost_before_anything_was_begun_it_is_free_for_the_next_run(site: Site) -> None:
    area = lost_before_activation(site, "free-check", A.CHECK)
    mend(site.lab)
    converges(area)


def test_lost_while_staging_it_is_free_for_the_next_run(site: Site) -> None:
    area = lost_before_activation(site, "free-stage", A.STAGE)
    mend(site.lab)
    converges(area)


def lost_before_activation(site: Site, name: str, action: Action) -> Area:
    """Lose three of four hosts during an action."""
    area = make_area(site, name, timeouts={"connect": "2s"})
    close_gate(site.lab.hosts, action)
    with starts(area, NEW) as running:
        await_gate(site.lab.hosts, action)
        hurt(site.lab)
        open_gate(site.lab.hosts, action)
        assert running.wait() == 4, running.stdout + running.stderr
    return area


@dataclass(frozen=True)
class Moment:
    """A gate within an action."""

    gate: str
    action: Action

    def __str__(self) -> str:
        return self.gate


BEGUN = [
    Moment("activate", A.ACTIVATE),
    Moment("pre_activate", A.ACTIVATE),
    Moment("post_activate", A.ACTIVATE),
    Moment("validate", A.VALIDATE),
    Moment("confirm", A.CONFIRM),
]


@pytest.mark.parametrize("moment", BEGUN, ids=str)
def test_after_it_began_the_host_is_looked_at_again_and_finishes(
    site: Site, moment: Moment
) -> None:
    area = make_area(site, f"begun-{moment}")
    close_gate(site.lab.hosts, moment.gate)
    with starts(area, NEW) as running:
        await_gate(site.lab.hosts, moment.gate)
        hurt(site.lab)
        open_gate(site.lab.hosts, moment.gate)
        for name in hurt_names(area):
            await_result(running, name, moment.action)
        mend(site.lab)
        assert running.wait() == 0, running.stdout + running.stderr
    for name in hurt_names(area):
        assert results(area, name, moment.action)[0] is R.LOST
        assert len(results(area, name, A.RESOLVE)) == 1
        assert area.rollout().hosts[name].state is H.COMMITTED
    assert all(is_whole(disk, NEW) for disk in area.disks)
    converges(area)


@pytest.mark.parametrize("moment", BEGUN[2:4], ids=str)
def test_a_host_that_stays_away_goes_back_by_itself(site: Site, moment: Moment) -> None:
    area = make_area(site, f"away-{moment}", {"trial": {"deadline": "5s"}}, timeouts=SHORT_TRIAL)
    close_gate(site.lab.hosts, moment.gate)
    with starts(area, NEW) as running:
        await_gate(site.lab.hosts, moment.gate)
        hurt(site.lab)
        open_gate(site.lab.hosts, moment.gate)
        away = [area.disks[index] for index in (CUT, FROZEN)]
        assert eventually(lambda: all(is_whole(disk, OLD) for disk in away))
        assert eventually(lambda: not any(disk.on_trial for disk in away))
        mend(site.lab)
        assert running.wait() == 2, running.stdout + running.stderr
    for name in hurt_names(area):
        assert results(area, name, moment.action)[0] is R.LOST
        assert area.rollout().hosts[name].state is H.REVERTED
        assert is_whole(area.disk(name), OLD)
    converges(area)


def test_lost_while_it_commits(site: Site) -> None:
    area = make_area(site, "commit")
    close_gate(site.lab.hosts, "commit")
    with starts(area, NEW) as running:
        await_gate(site.lab.hosts, "commit")
        hurt(site.lab)
        open_gate(site.lab.hosts, "commit")
        mend(site.lab)
        assert running.wait() == 0, running.stdout
    assert all(is_whole(disk, NEW) for disk in area.disks)
    converges(area)


def test_lost_while_it_goes_back(site: Site) -> None:
    area = make_area(site, "revert", {"validations": [{"command": only_new("test -e $HOME/well")}]})
    close_gate(site.lab.hosts, "revert")
    with starts(area, NEW) as running:
        await_gate(site.lab.hosts, "revert")
        hurt(site.lab)
        open_gate(site.lab.hosts, "revert")
        for name in hurt_names(area):
            await_result(running, name, A.REVERT)
        mend(site.lab)
        assert running.wait() == 2, running.stdout + running.stderr
    for name in hurt_names(area):
        assert results(area, name, A.REVERT)[0] is R.LOST
    assert all(record.state is H.REVERTED for record in area.rollout().hosts.values())
    assert all(is_whole(disk, OLD) for disk in area.disks)
    for host in site.lab.hosts:
        (host.home / "well").touch()
    converges(area)
