"""The terms of a trial, by plan, bundle and host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import HostError
from orchestrator.host.trial import terms
from orchestrator.model.plan import Reboot
from orchestrator.model.trial import BootHook, RebootWhen, Trial
from tests.host.scripted import NEW, assignment, work

W = RebootWhen


@pytest.mark.parametrize(
    ("when", "needed", "asked"),
    [
        (W.NEVER, True, W.NEVER),
        (W.IF_REQUIRED, True, W.ALWAYS),
        (W.IF_REQUIRED, False, W.IF_REQUIRED),
        (W.ALWAYS, False, W.ALWAYS),
    ],
)
def test_who_reboots(when: RebootWhen, needed: bool, asked: RebootWhen) -> None:
    it = work(made=replace(NEW, reboot=needed), reboot=Reboot(when))
    found = terms(assignment(it), it)
    assert (found.reboot, found.needs_hook) == (asked, asked is W.ALWAYS)


@pytest.mark.parametrize(
    ("boot_hook", "needs"),
    [(BootHook.REQUIRED, True), (BootHook.FOR_REBOOTS, False), (BootHook.OPTIONAL, False)],
)
def test_who_needs_a_boot_hook(boot_hook: BootHook, needs: bool) -> None:
    it = work(trial=Trial(boot_hook=boot_hook), reboot=Reboot(W.NEVER))
    assert terms(assignment(it), it).needs_hook is needs


def test_the_host_chooses_its_boot_hook() -> None:
    it = work()
    assert terms(assignment(it, fleet_boot_hook="rc.local"), it).boot_hook == "rc_local"
    with pytest.raises(HostError) as caught:
        terms(assignment(it, fleet_boot_hook="sytemd"), it)
    assert str(caught.value).startswith("gw1: fleet_boot_hook is 'sytemd'")
    assert caught.value.hint == "did you mean 'systemd'?"


def test_a_ceiling_is_no_lower_than_the_deadline() -> None:
    it = work(trial=Trial(deadline=900.0, ceiling=60.0))
    assert terms(assignment(it), it).ceiling == 900.0
