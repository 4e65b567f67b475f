"""The driver and the real host program together, over pipes, with real signed bundles."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.errors import Fenced
from orchestrator.host import survey
from orchestrator.host.driver import Looker
from orchestrator.host.requests import Place
from orchestrator.host.survey import VerifyReport
from orchestrator.model.event import Action, Result
from orchestrator.model.plan import Hooks, Step
from orchestrator.model.trial import Trial

from .site import FORWARD, Site, seen

A, R = Action, Result


async def test_first_release_then_nothing_to_do_in_one_round_trip(site: Site) -> None:
    work = site.work("1.0.0")
    await site.install(work, run="run-1")
    assert site.active() == work.release
    log = [f"bundle {work.release}", "plan canary", "restart"]
    assert site.log.read_text().splitlines() == log
    driver = site.driver(work, run="run-2")
    outcome = await driver.perform("gw1", A.CHECK, 1)
    assert (outcome.result, outcome.facts["changes"]) == (R.ALREADY, 0)
    assert site.connectors[-1].round_trips == 1
    assert site.log.read_text().splitlines() == log


async def test_an_upgrade_sends_only_what_changed(site: Site) -> None:
    old, new = site.work("1.0.0"), site.work("1.1.0")
    await site.install(old, run="run-1")
    driver = site.driver(new, run="run-2")
    found = await driver.perform("gw1", A.CHECK, 1)
    assert found.facts["packages"] == {
        "gateway": {
            "from": old.release,
            "to": new.release,
            "bytes": len("1.1.0"),
            "files": 1,
            "why": f"{old.release} is active",
        }
    }
    staged = (await driver.perform("gw1", A.STAGE, 1)).facts["staged"]
    assert isinstance(staged, dict)
    assert staged["gateway"].items() >= {"files": 1, "received": 1, "reused": 4}.items()
    assert staged["gateway"]["signature"] == "verified"
    outcome = await site.do(driver, A.ACTIVATE, A.VALIDATE, A.CONFIRM, A.SAMPLE, A.COMMIT, A.SAMPLE)
    assert outcome.result is R.DONE
    assert site.active() == new.release
    assert len(site.connectors[-1].channels) == 2


async def test_a_bad_release_goes_back(site: Site) -> None:
    old, bad = site.work("1.0.0"), site.work("2.0.0")
    await site.install(old, run="run-1")
    driver = site.driver(bad, run="run-2")
    outcome = await site.do(driver, *FORWARD)
    assert outcome.result is R.FAILED
    assert outcome.reason.startswith("validation script of gateway: ")
    assert "version 2.0.0 says it's" in outcome.output
    assert site.active() == bad.release
    assert (await driver.perform("gw1", A.REVERT, 1)).result is R.DONE
    assert site.active() == old.release
    found = await driver.perform("gw1", A.RESOLVE, 1)
    assert found.result is R.IS_REVERTED
    assert "reverted (validation script of gateway" in found.reason
    assert (await driver.perform("gw1", A.REVERT, 1)).result is R.DONE  # nothing is left to undo


GO_ON = {
    R.IS_STAGED: FORWARD[2:],
    R.IS_ARMED: FORWARD[2:],
    R.IS_TRIAL: FORWARD[3:],
    R.IS_CONFIRMED: FORWARD[5:],
}


@pytest.mark.parametrize(
    ("at", "stands"),
    [
        ("activate", {R.IS_STAGED}),
        ("check", {R.IS_ARMED, R.IS_TRIAL}),
    ],
)
async def test_another_controller_finishes_what_was_cut(
    site: Site, at: str, stands: set[Result]
) -> None:
    work = site.work("1.0.0", pre_checks=())
    driver = site.driver(work)
    await driver.perform("gw1", A.CHECK, 1)
    site.connectors[-1].channels[0].cut_before = at
    assert (await site.do(driver, *FORWARD[1:])).result is R.LOST
    await driver.close()
    second = site.driver(work)
    found = await second.perform("gw1", A.RESOLVE, 1)
    assert found.result in stands, found.reason
    assert (await site.do(second, *GO_ON[found.result])).result is R.DONE
    assert site.active() == work.release
    assert site.log.read_text().count("restart") == 1


async def test_a_commit_that_is_cut_is_done_again(site: Site) -> None:
    work = site.work("1.0.0", pre_checks=())
    driver = site.driver(work)
    await driver.perform("gw1", A.CHECK, 1)
    site.connectors[-1].channels[0].cut_before = "commit"
    assert (await site.do(driver, *FORWARD[1:])).result is R.DONE
    assert len(site.connectors[-1].channels) > 2
    assert site.active() == work.release
    await driver.close()


async def test_staging_that_is_cut_is_repeated(site: Site) -> None:
    driver = site.driver(site.work("1.0.0"))
    await driver.perform("gw1", A.CHECK, 1)
    site.connectors[-1].channels[0].cut_before = "stage"
    assert (await driver.perform("gw1", A.STAGE, 1)).result is R.DONE
    assert len(site.connectors[-1].channels) == 2


@pytest.mark.parametrize("hook", ["pre_activate", "post_activate"])
async def test_an_activation_cut_in_a_hook_is_repeated(site: Site, hook: str) -> None:
    mark = site.folder / "mark"
    slow = f"[ -e '{mark}' ] || {{ touch '{mark}'; sleep 60 || exit; }}; echo {hook} >>\"$LOG\""
    hooks = Hooks(pre_activate=slow) if hook == "pre_activate" else Hooks(post_activate=slow)
    work = site.work("1.0.0", hooks=hooks)
    driver = site.driver(work)
    await site.do(driver, A.CHECK, A.STAGE)
    activating = asyncio.create_task(driver.perform("gw1", A.ACTIVATE, 1))
    async with asyncio.timeout(20):
        await seen(mark)
    await site.connectors[-1].channels[0].cut()
    assert (await activating).result is R.LOST
    second = site.driver(work)
    found = await second.perform("gw1", A.RESOLVE, 1)
    assert found.result is R.IS_ARMED
    assert (await site.do(second, *FORWARD[2:])).result is R.DONE
    assert site.log.read_text().splitlines().count(hook) == 1
    assert site.log.read_text().splitlines().count("restart") == 1


async def test_a_stale_controller_is_fenced(site: Site) -> None:
    work = site.work("1.0.0")
    stale, newer = site.driver(work), site.driver(work)
    await site.do(stale, A.CHECK, A.STAGE)
    assert (await site.do(newer, A.CHECK, A.STAGE, A.ACTIVATE)).result is R.DONE
    with pytest.raises(Fenced, match="another controller has taken over"):
        await stale.perform("gw1", A.ACTIVATE, 1)


async def test_two_runs_on_one_host(site: Site) -> None:
    await site.do(site.driver(site.work("1.0.0")), A.CHECK, A.STAGE, A.ACTIVATE)
    outcome = await site.driver(site.work("1.1.0"), run="run-2").perform("gw1", A.CHECK, 1)
    assert outcome.result is R.FAILED
    assert "gateway: locked by run-1@box (run run-1" in outcome.reason


async def test_withdrawing_gives_way_to_another_run(site: Site) -> None:
    first = site.driver(site.work("1.0.0"))
    assert (await site.do(first, A.CHECK, A.STAGE, A.WITHDRAW)).result is R.DONE
    await site.install(site.work("1.1.0"), run="run-2")


async def test_a_downgrade_must_be_meant(site: Site) -> None:
    await site.install(site.work("1.1.0"), run="run-1")
    driver = site.driver(site.work("1.0.0"), run="run-2")
    outcome = await driver.perform("gw1", A.CHECK, 1)
    assert "1.1.0 is active, 1.0.0 is lower" in outcome.reason
    await site.install(site.work("1.0.0", allow_downgrade=True), run="run-3")


async def test_drift_is_listed(site: Site) -> None:
    work = site.work("1.0.0")
    await site.install(work, run="run-1")
    (site.folder / "the root/gateway/current/version").write_text("other")
    outcome = await site.driver(work, run="run-2").perform("gw1", A.CHECK, 1)
    assert outcome.result is R.FAILED
    assert outcome.output == "modified: version"
    sampled = await site.driver(work).perform("gw1", A.SAMPLE, 1)
    assert (sampled.result, sampled.output) == (R.FAILED, "modified: version")


async def test_a_host_that_hears_nothing_goes_back_by_itself(site: Site) -> None:
    old, new = site.work("1.0.0"), site.work("1.1.0", trial=Trial(1.0))
    await site.install(old, run="run-1")
    driver = site.driver(new, run="run-2")
    await site.do(driver, A.CHECK, A.STAGE, A.ACTIVATE)
    async with asyncio.timeout(30):
        found = await driver.perform("gw1", A.RESOLVE, 1)
        while found.result in {R.IS_ARMED, R.IS_TRIAL}:
            await asyncio.sleep(0.1)
            found = await driver.perform("gw1", A.RESOLVE, 1)
    assert found.result is R.IS_REVERTED
    assert "no confirmation within 1 s" in found.reason
    assert site.active() == old.release
    confirmed = await driver.perform("gw1", A.CONFIRM, 1)
    assert confirmed.result is R.FAILED
    assert (await driver.perform("gw1", A.REVERT, 1)).result is R.DONE


async def test_packages_go_forward_in_order_and_back_together(site: Site) -> None:
    db = site.work("db", hooks=Hooks())
    gateway = site.work("1.0.0", hooks=Hooks(post_activate="echo no luck; exit 1"))
    driver = site.driver(db, gateway)
    outcome = await site.do(driver, *FORWARD)
    assert outcome.result is R.FAILED
    assert outcome.reason.startswith("activating gateway: post_activate")
    assert "no luck" in outcome.output
    assert (site.active("db"), site.active()) == (db.release, gateway.release)
    assert (await driver.perform("gw1", A.REVERT, 1)).result is R.DONE
    assert (site.active("db"), site.active()) == ("", "")
    await site.install(db, site.work("1.0.0"), run="run-2")


async def test_steps_are_done_once_and_undone(site: Site) -> None:
    steps = (
        Step("make", 'echo "make" >>"$LOG"'),
        Step("seed", 'echo "seed {{ version }}" >>"$LOG"', 'echo "unseed" >>"$LOG"', ("make",)),
    )
    driver = site.driver(site.work("1.0.0", hooks=Hooks(), restart=(), steps=steps))
    await site.do(driver, A.CHECK, A.STAGE, A.ACTIVATE, A.ACTIVATE, A.REVERT)
    assert site.log.read_text().splitlines()[1:] == ["make", "seed 1.0.0", "unseed"]


async def test_a_look_leaves_no_trace(site: Site) -> None:
    outcome = await site.driver(site.work("1.0.0"), kind=Looker).look("gw1")
    assert outcome.result is R.DONE
    assert outcome.facts["changes"] == 1
    assert list(site.folder.iterdir()) == []


async def test_survey(site: Site) -> None:
    work = site.work("1.0.0")
    await site.install(work, run="run-1")
    channel = await site.connect().open(site.host)
    root, state = f"{site.folder}/the root", f"{site.folder}/state"
    (site.folder / "the root/gateway/current/new file").touch()
    [report] = await survey.verify(channel, [Place("gateway", root, state)])
    assert isinstance(report, VerifyReport)
    assert (report.active, report.extra, report.clean) == (work.release, ("new file",), True)
    entries = await survey.history(channel, root, state, "gateway", lines=2)
    assert [entry["op"] for entry in entries] == ["commit", "commit"]
    await channel.close()
