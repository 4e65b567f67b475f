"""Hooks and services with the driver and the real host program together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.host.rendering import HOOKS
from orchestrator.model.event import Action, Result
from orchestrator.model.plan import Hooks
from orchestrator.model.trial import Trial
from tests.host.program.driver import until

from .site import FORWARD, Site

A, R = Action, Result


def said(site: Site) -> list[str]:
    """Return what hooks and services have said since this was last asked."""
    lines = site.log.read_text().splitlines() if site.log.exists() else []
    site.log.unlink(missing_ok=True)
    return [line for line in lines if not line.startswith("bundle ")]


def logged(word: str) -> str:
    return f'echo {word} >>"$LOG"'


def hooks(**texts: Any) -> Hooks:
    return Hooks(**texts)


EVERY = hooks(**{name: logged(name) for name in HOOKS})
SHARED = (logged("shared"),)


async def test_hooks_go_around_every_phase(site: Site) -> None:
    old, new = site.work("1.0.0", hooks=EVERY), site.work("1.1.0", hooks=EVERY)
    await site.install(old, run="run-1")
    staging = ["pre_stage", "post_stage"]
    forward = ["pre_activate", "restart", "post_activate"]
    assert said(site) == [*staging, *forward, "cleanup"]
    driver = site.driver(new, run="run-2")
    assert (await site.do(driver, A.CHECK, A.STAGE, A.ACTIVATE, A.REVERT)).result is R.DONE
    back = ["pre_revert", "restart", "post_revert", "cleanup"]
    assert said(site) == [*staging, *forward, *back]


@pytest.mark.parametrize(("hook", "there"), [("pre_stage", False), ("post_stage", True)])
async def test_a_host_whose_hook_around_staging_fails_keeps_what_it_has(
    site: Site, hook: str, there: bool
) -> None:
    fails = hooks(**{hook: "echo no room; exit 1"})
    driver = site.driver(site.work("1.0.0", hooks=fails))
    outcome = await site.do(driver, A.CHECK, A.STAGE)
    assert (outcome.result, outcome.output) == (R.FAILED, "no room")
    assert outcome.reason == f"staging gateway: {hook}: exit status 1: no room"
    assert site.active() == ""
    assert any((site.folder / "the root/gateway/releases").glob("1.0.0-*")) is there
    await site.install(site.work("1.0.0"), run="run-2")  # no lock is left


async def test_a_cleanup_that_fails_is_in_the_outcome(site: Site) -> None:
    driver = site.driver(site.work("1.0.0", hooks=Hooks(cleanup="echo in use; exit 1")))
    outcome = await site.do(driver, *FORWARD)
    assert (outcome.result, outcome.output) == (R.DONE, "in use")
    assert outcome.facts == {"left": {"gateway": "cleanup: exit status 1: in use"}}


async def test_packages_that_share_a_service_restart_it_once(site: Site) -> None:
    own = ("db", "gateway")
    works = [
        site.work(key, hooks=Hooks(), restart=(logged(name), *SHARED))
        for key, name in zip(("db", "1.0.0"), own, strict=True)
    ]
    driver = site.driver(*works)
    assert (await site.do(driver, *FORWARD)).result is R.DONE
    assert said(site) == ["db", "gateway", "shared"]
    assert (await driver.perform("gw1", A.REVERT, 1)).result is R.DONE
    assert said(site) == ["gateway", "db", "shared"]


async def test_packages_that_go_back_by_themselves_restart_all_they_share(site: Site) -> None:
    works = [
        site.work(key, hooks=Hooks(), restart=SHARED, trial=Trial(seconds))
        for key, seconds in (("db", 1.0), ("1.0.0", 60.0))
    ]
    driver = site.driver(*works)
    await site.do(driver, A.CHECK, A.STAGE, A.ACTIVATE)
    await asyncio.to_thread(until, lambda: not site.active("db"))
    assert (await driver.perform("gw1", A.REVERT, 1)).result is R.DONE
    assert said(site) == ["shared"] * 3  # forward, by the watchdog of one, with the other
