"""A host's whole life behind dropbear, as on small systems: its shell and tools are busybox's.

The same driver, host program and signed bundles as in ``test_life``, over real connections.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust
from orchestrator.engines.ssh import SshConnector, SshSettings
from orchestrator.engines.ssh.channel import SshChannel
from orchestrator.host.source import BOOTSTRAP, program_line
from orchestrator.model.event import Action, Result
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Hooks
from orchestrator.model.trial import Trial
from tests.engines import dropbear
from tests.engines.dropbear import Dropbear

from .platforms import chosen
from .program.driver import living
from .site import FORWARD, Site, seen

A, R = Action, Result
pytestmark = [
    pytest.mark.ssh,
    pytest.mark.skipif(not dropbear.can_be_had(), reason="no mount namespaces for this user"),
]


class Counting(SshConnector):
    """Remembers the channels that it opened."""

    def __init__(self, path: str) -> None:
        super().__init__(
            bootstrap=f"PATH={shlex.quote(path)}; export PATH; {BOOTSTRAP}",
            program=program_line(),
            settings=SshSettings(config_file=None, agent=""),
        )
        self.channels: list[SshChannel] = []

    async def open(self, host: Host) -> SshChannel:
        channel = await super().open(host)
        self.channels.append(channel)
        return channel


@pytest.fixture(scope="module", params=chosen("busybox", "dash"))
def path(request: pytest.FixtureRequest, platforms: dict[str, str]) -> str:
    return platforms[request.param]


@pytest.fixture(scope="module")
def daemon(path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dropbear]:
    """Return a daemon whose user has the platform's shell."""
    shell = Path(path.partition(":")[0]) / "sh"
    daemon = dropbear.start(tmp_path_factory.mktemp("dropbear") / "daemon", shell=str(shell))
    yield daemon
    daemon.stop()


@pytest.fixture
async def site(
    daemon: Dropbear,
    path: str,
    tmp_path: Path,
    bundles: dict[str, Bundle],
    trust: Trust,
    store: PayloadStore,
) -> AsyncIterator[Site]:
    """Return a host with nothing on it."""
    site = Site(tmp_path, bundles, trust, store, lambda: Counting(path))
    site.host = replace(site.host, endpoint=daemon.host().endpoint)
    yield site
    await site.close()


async def gone(token: str) -> None:
    """Wait until no process has a text in its command line or environment."""
    async with asyncio.timeout(20):
        while await asyncio.to_thread(living, token):  # noqa: ASYNC110  processes tell nobody
            await asyncio.sleep(0.05)


async def test_from_the_first_release_on(site: Site, daemon: Dropbear) -> None:
    old, new, bad = (site.work(version) for version in ("1.0.0", "1.1.0", "2.0.0"))
    before = daemon.logins
    await site.install(old, run="run-1")
    assert daemon.logins == before + 2  # one to work with, and a fresh one that confirms
    again = await site.driver(old, run="run-2").perform("gw1", A.CHECK, 1)
    assert (again.result, again.facts["changes"]) == (R.ALREADY, 0)
    await site.install(new, run="run-3")
    assert site.active() == new.release
    driver = site.driver(bad, run="run-4")
    outcome = await site.do(driver, *FORWARD)
    assert outcome.reason.startswith("validation script of gateway: ")
    assert (await driver.perform("gw1", A.REVERT, 1)).result is R.DONE
    assert site.active() == new.release
    assert (await driver.perform("gw1", A.RESOLVE, 1)).result is R.IS_REVERTED


Cut = Callable[[Site, Dropbear], Awaitable[None]]


async def hang_up(site: Site, _daemon: Dropbear) -> None:
    await site.connectors[-1].channels[0].close()


async def kill_session(_site: Site, daemon: Dropbear) -> None:
    for session in daemon.sessions():
        os.kill(session, signal.SIGKILL)


@pytest.mark.parametrize("cut", [hang_up, kill_session])
async def test_a_connection_that_is_cut_ends_what_runs(
    site: Site, daemon: Dropbear, cut: Cut
) -> None:
    mark = site.folder / "mark"
    slow = f"[ -e '{mark}' ] || {{ touch '{mark}'; sleep 600 || exit; }}; echo done >>\"$LOG\""
    work = site.work("1.0.0", hooks=Hooks(post_activate=slow))
    driver = site.driver(work)
    await site.do(driver, A.CHECK, A.STAGE)
    activating = asyncio.create_task(driver.perform("gw1", A.ACTIVATE, 1))
    async with asyncio.timeout(20):
        await seen(mark)
    await cut(site, daemon)
    assert (await activating).result is R.LOST
    await gone("sleep\000600")
    second = site.driver(work)
    found = await second.perform("gw1", A.RESOLVE, 1)
    assert found.result is R.IS_ARMED, found
    assert (await site.do(second, *FORWARD[2:])).result is R.DONE
    assert site.log.read_text().splitlines().count("done") == 1


async def test_a_host_that_hears_nothing_goes_back_by_itself(site: Site, daemon: Dropbear) -> None:
    old, new = site.work("1.0.0"), site.work("1.1.0", trial=Trial(2.0))
    await site.install(old, run="run-1")
    driver = site.driver(new, run="run-2")
    assert (await site.do(driver, A.CHECK, A.STAGE, A.ACTIVATE)).result is R.DONE
    await site.close()
    await kill_session(site, daemon)  # its watchdog is no part of any session
    async with asyncio.timeout(30):
        while site.active() != old.release:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    found = await site.driver(new, run="run-2").perform("gw1", A.RESOLVE, 1)
    assert found.result is R.IS_REVERTED
    assert "no confirmation within 2 s" in found.reason
    await gone(str(site.folder))
