"""One host's folders on this machine, real signed bundles, and the driver at work there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.bundles.build import build
from orchestrator.bundles.depot import BundleDepot
from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle, read
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust, identities
from orchestrator.checks import build_check
from orchestrator.clock import WallClock
from orchestrator.compose import build_gate
from orchestrator.host.driver import HostDriver
from orchestrator.host.work import Assignment, HostPolicy, PackageWork, RunIdentity
from orchestrator.model.event import Action, Result
from orchestrator.model.fleet import Endpoint, Host
from orchestrator.model.plan import Hooks, Origin, Package, Retries, Timeouts, Use
from orchestrator.model.trial import Trial
from orchestrator.ports import Outcome
from orchestrator.triggers import build_trigger

A, R = Action, Result
POLICY = HostPolicy(Timeouts(check=20, validate=5, silent=10), Retries(2, 0.05, 0.1))
FORWARD = (A.CHECK, A.STAGE, A.ACTIVATE, A.VALIDATE, A.CONFIRM, A.COMMIT)
VALIDATE = "#!/bin/sh\necho version $(cat version) says ${WORD}\ntest -f well\n"


def make_bundles(folder: Path, keys: Path, trust: Trust) -> dict[str, Bundle]:
    """Return signed bundles by name: two versions that run, one that does not, another package."""

    def make(package: str, version: str, *, well: bool = True) -> Bundle:
        content = folder / f"{package}-{version}" / "content"
        content.mkdir(parents=True, mode=0o755)
        (content / "version").write_text(version)
        (content / "big file").write_text("the same in all versions\n" * 1000)
        (content / "validate").write_text(VALIDATE)
        (content / "migrate").write_text('#!/bin/sh\necho "bundle $FLEET_TO" >>"$LOG"\n')
        for name in ("validate", "migrate"):
            (content / name).chmod(0o755)
        if well:
            (content / "well").touch()
        (content.parent / "bundle.yml").write_text(
            f"package: {package}\nversion: {version}\nhooks: {{pre_activate: migrate}}\n"
        )
        built = build(content.parent)
        sign(built.folder, keys / "key")
        return read(built.folder, trust)

    return {
        "1.0.0": make("gateway", "1.0.0"),
        "1.1.0": make("gateway", "1.1.0"),
        "2.0.0": make("gateway", "2.0.0", well=False),
        "db": make("db", "1.0.0"),
    }


Connect = Callable[[], Any]
"""Makes a connector, with ``channels`` and ``round_trips`` as LocalConnector has them."""


class Site:
    """One host's folders on this machine, and whoever comes to work on it."""

    def __init__(
        self,
        folder: Path,
        bundles: dict[str, Bundle],
        trust: Trust,
        store: PayloadStore,
        connect: Connect,
    ) -> None:
        self.connect = connect
        self.folder = folder
        self.log = folder / "log"
        self.bundles = bundles
        self.depot = BundleDepot(bundles.values(), store)
        self.signers = trust.allowed_signers("gateway")
        self.connectors: list[Any] = []
        self.host = Host(
            "gw1",
            Endpoint("localhost"),
            variables={"fleet_root": f"{folder}/the root", "fleet_state": f"{folder}/state"},
        )

    def work(self, key: str, **options: object) -> PackageWork:
        bundle = self.bundles[key]
        package = Package(
            bundle.manifest.package,
            on="all",
            bundle=Origin("b"),
            restart=("echo 'restart' >>\"$LOG\"",),
            environment=(("WORD", "it's {{ facts.init }}"), ("LOG", str(self.log))),
            validations=(Use("script", (("run", "validate"),)),),
            pre_checks=(Use("command", (("run", "test -d /"),)),),
            hooks=Hooks(pre_activate='echo "plan $FLEET_WAVE" >>"$LOG"'),
            trial=Trial(60.0),
        )
        package = replace(package, **options)  # type: ignore[arg-type]
        return PackageWork(package, bundle.manifest, self.signers, identities(bundle.signatures))

    def driver(self, *works: PackageWork, run: str = "run-1", kind: Any = HostDriver) -> Any:
        connector = self.connect()
        self.connectors.append(connector)
        assignment = Assignment(self.host, works, "canary")
        return kind(
            connector,
            lambda _name: assignment,
            self.depot,
            build_check,
            build_gate,
            build_trigger,
            RunIdentity(run, f"{run}@box", f"nonce of {run}"),
            WallClock(),
            policy=POLICY,
        )

    async def do(self, driver: HostDriver, *actions: Action) -> Outcome:
        outcome = Outcome(R.DONE)
        for action in actions:
            outcome = await driver.perform("gw1", action, 1)
            if outcome.result is not R.DONE:
                break
        return outcome

    async def install(self, *works: PackageWork, run: str) -> None:
        driver = self.driver(*works, run=run)
        outcome = await self.do(driver, *FORWARD)
        assert outcome.result is R.DONE, outcome
        await driver.close()

    def active(self, package: str = "gateway") -> str:
        link = self.folder / "the root" / package / "current"
        return link.readlink().name if link.is_symlink() else ""

    async def close(self) -> None:
        for connector in self.connectors:
            await connector.close()


async def seen(path: Path) -> None:
    """Wait until a file is there."""
    while True:
        if await asyncio.to_thread(path.exists):
            return
        await asyncio.sleep(0.05)
