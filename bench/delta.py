"""Bytes that a host is sent when two releases of real software follow one another.

    python bench/delta.py OLD NEW        two folders, of two unpacked wheels for example

The host program runs on this machine, over pipes, with just the tools that a host of each kind has;
everything else is as in a run: signed bundles, the driver, every byte proved.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles.build import build
from orchestrator.bundles.delta.cache import PatchCache
from orchestrator.bundles.delta.patching import Patcher
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
from orchestrator.model.plan import Origin, Package
from orchestrator.triggers import build_trigger
from tests.host.local_channel import LocalConnector

TOOLS = shlex.split(
    "awk base64 cat chmod cp date dd df find grep gzip head id ln mkdir mv readlink rm rmdir sed "
    "setsid sh sha256sum sleep sort ssh-keygen stat sync tail tar tr uname"
)
"""What every host must have."""

KINDS = {
    "zstd": ("zstd",),
    "python3 only": ("python3",),
    "zstd and python3": ("zstd", "python3"),
    "xz": ("xz",),
    "neither": (),
}
FORWARD = (Action.CHECK, Action.STAGE, Action.ACTIVATE, Action.CONFIRM, Action.COMMIT)


@dataclass(frozen=True)
class Sent:
    """What came of one upgrade."""

    payload: int
    means: str
    seconds: float
    cpu: float


class Site:
    """Three releases: the old one, the same with one file renamed, and the new one."""

    def __init__(self, folder: Path, old: Path, new: Path) -> None:
        self.folder = folder
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        public = key.with_suffix(".pub").read_text()
        self.trust = Trust.parse(f'bench namespaces="fleet-bundle" {public}', "signers")
        self.old = self._bundle(old, "1.0.0")
        self.new = self._bundle(new, "1.2.0")
        self.renamed = self._bundle(self._renamed(old), "1.1.0")
        self.numbers = iter(range(1000))

    def _renamed(self, old: Path) -> Path:
        """Return a copy of a folder whose largest file bears another name."""
        copy = self.folder / "renamed"
        shutil.copytree(old, copy, symlinks=True)
        largest = max((p for p in copy.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
        largest.rename(largest.with_name(f"renamed-{largest.name}"))
        return copy

    def _bundle(self, content: Path, version: str) -> Bundle:
        source = self.folder / f"source-{version}"
        source.mkdir()
        shutil.copytree(content, source / "content", symlinks=True)
        text = f"package: app\nversion: {version}\ncreated: 2026-01-31T04:05:06Z\n"
        (source / "bundle.yml").write_text(text)
        built = build(source)
        sign(built.folder, self.folder / "key")
        return read(built.folder, self.trust)

    def path(self, kind: str) -> str:
        """Return a PATH with the tools of a kind of host, and no others."""
        shelf = self.folder / kind.replace(" ", "-")
        if not shelf.exists():
            shelf.mkdir()
            for tool in (*TOOLS, *KINDS[kind]):
                (shelf / tool).symlink_to(shutil.which(tool, path=os.defpath) or f"/missing/{tool}")
        return str(shelf)

    async def upgrade(self, kind: str, store: PayloadStore, before: Bundle, after: Bundle) -> Sent:
        """Bring a fresh host to a release and then to another; returns what the latter took."""
        place = self.folder / f"host-{next(self.numbers)}"
        patcher = Patcher(store, PatchCache(self.folder / "patches"))
        depot = BundleDepot([before, after], store, (), patcher)
        connector = LocalConnector(os.environ | {"PATH": self.path(kind)})
        await self._apply(connector, depot, place, before, "first")
        began, cpu = time.perf_counter(), _cpu()
        outcome = await self._apply(connector, depot, place, after, "second")
        wall = time.perf_counter() - began
        await connector.close()
        shutil.rmtree(place)
        return Sent(*outcome, wall, _cpu() - cpu)

    async def _apply(
        self, connector: LocalConnector, depot: BundleDepot, place: Path, to: Bundle, run: str
    ) -> tuple[int, str]:
        variables = {"fleet_root": f"{place}/root", "fleet_state": f"{place}/state"}
        host = Host("host", Endpoint("localhost"), variables=variables)
        package = Package("app", on="all", bundle=Origin("b"))
        work = PackageWork(
            package, to.manifest, self.trust.allowed_signers("app"), identities(to.signatures)
        )
        driver = HostDriver(
            connector,
            lambda _: Assignment(host, (work,), "all"),
            depot,
            build_check,
            build_gate,
            build_trigger,
            RunIdentity(run, "bench", run),
            WallClock(),
            policy=HostPolicy(),
        )
        sent: tuple[int, str] = (0, "")
        for action in FORWARD:
            outcome = await driver.perform("host", action, 1)
            if outcome.result is Result.ALREADY:
                break
            assert outcome.result is Result.DONE, outcome
            if action is Action.STAGE:
                staged = outcome.facts["staged"]
                assert isinstance(staged, dict)
                sent = staged["app"]["sent"], staged["app"]["means"]
        await driver.release("host")
        return sent


def _cpu() -> float:
    """Return the seconds of processor time that ended children have used, hosts included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def measure(site: Site, store: PayloadStore) -> Iterator[tuple[str, Sent]]:
    found = [
        ("nothing changed", await site.upgrade("zstd", store, site.new, site.new)),
        ("rename only, zstd", await site.upgrade("zstd", store, site.old, site.renamed)),
        ("rename only, neither", await site.upgrade("neither", store, site.old, site.renamed)),
    ]
    for kind in KINDS:
        found.append((f"upgrade, {kind}", await site.upgrade(kind, store, site.old, site.new)))
        again = await site.upgrade(kind, store, site.old, site.new)
        found.append(("  again, from the cache", again))
    return iter(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        site = Site(Path(place), given.old, given.new)
        store = PayloadStore(Path(place) / "payloads")
        files, size = len(site.new.manifest.files), site.new.manifest.size
        print(f"{given.new.name}: {files} files, {size / 1e6:.1f} MB")
        print(f"{'':24} {'bytes sent':>12} {'means':>11} {'wall s':>7}")
        for what, sent in asyncio.run(measure(site, store)):
            print(f"{what:24} {sent.payload:12,} {sent.means:>11} {sent.seconds:7.2f}")
        store.close()


if __name__ == "__main__":
    main()
