"""From one signed release to another on hosts of every kind: driver, host program, real tools."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.bundles.delta import patching
from orchestrator.bundles.delta.cache import PatchCache
from orchestrator.bundles.delta.patching import Patcher
from orchestrator.bundles.depot import BundleDepot
from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust
from orchestrator.checks import build_check
from orchestrator.clock import WallClock
from orchestrator.compose import build_gate
from orchestrator.host.driver import HostDriver
from orchestrator.host.work import Assignment, HostPolicy, PackageWork, RunIdentity
from orchestrator.model.event import Action, Result
from orchestrator.model.fleet import Endpoint, Host
from orchestrator.model.plan import Origin, Package, Retries, Timeouts
from orchestrator.triggers import build_trigger
from tests.bundles.conftest import signer_line, write_key
from tests.bundles.delta.making import make_bundle
from tests.host.local_channel import LocalConnector

CHANCE = random.Random(5)
NOISE = CHANCE.randbytes(400_000)
OLD = {"app": NOISE, "same": b"same", "gone": b"gone" * 50, "old name": b"moved\n" * 99}
NEW = {
    "app": NOISE[:100_000] + b"changed" + NOISE[100_000:],
    "same": b"same",
    "new/name": b"moved\n" * 99,
    "new/file": b"gone" * 49,
}
TOOLS = ("zstd", "python3", "xz", "neither")
RENAMED = {f"{name}.renamed": data for name, data in OLD.items()}
POLICY = HostPolicy(Timeouts(check=20, stage=30, silent=10), Retries(3, 0.01, 0.02))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    write_key(folder, "ed25519", "ssh-ed25519")
    return folder


@pytest.fixture(scope="module")
def trust(keys: Path) -> Trust:
    return Trust.parse(signer_line(keys, "ed25519"), "allowed_signers")


@pytest.fixture(scope="module")
def bundles(keys: Path, trust: Trust, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    content = {"1.0.0": OLD, "1.1.0": NEW, "1.2.0": RENAMED}
    return [make_bundle(folder, keys, trust, *pair) for pair in content.items()]


@pytest.fixture(autouse=True, scope="module")
def small_patches() -> Iterator[None]:
    """Let patches of little be worth it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patching, "LEAST", 0)
        yield


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return a PATH for each kind of host: of zstd, xz and python3 it has only that."""
    return {tool: _shelf(tmp_path_factory.mktemp("shelf"), tool) for tool in TOOLS}


def _shelf(folder: Path, *tools: str) -> str:
    for place in ("/sbin", "/usr/sbin", "/bin", "/usr/bin"):
        for tool in Path(place).glob("*"):
            if tool.name not in {"zstd", "xz", "python3"} - set(tools):
                (folder / tool.name).unlink(missing_ok=True)
                (folder / tool.name).symlink_to(tool)
    return str(folder)


@dataclass
class Machine:
    """One host's folders, and a run after the other that stages releases there."""

    folder: Path
    store: PayloadStore
    path: str = os.environ["PATH"]
    runs: int = 0

    def disk(self, bundle: Bundle) -> Path:
        return self.folder / "root/app/releases" / bundle.manifest.release

    async def stage(self, bundle: Bundle, *known: Bundle, cut_at: int = 0) -> dict[str, Any]:
        """Check and stage; returns what the run's journal would say of it."""
        patcher = Patcher(self.store, PatchCache(self.store.folder.parent / "patches"))
        depot = BundleDepot([bundle], self.store, known, patcher)
        connector = LocalConnector(os.environ | {"PATH": self.path})
        connector.cut_at = cut_at
        driver = self.driver(bundle, depot, connector)
        try:
            for action in (Action.CHECK, Action.STAGE):
                outcome = await driver.perform("host", action, 1)
                assert outcome.result is Result.DONE, outcome
            await driver.perform("host", Action.WITHDRAW, 1)
            staged = outcome.facts["staged"]
            assert isinstance(staged, dict)
            return dict(staged["app"])
        finally:
            await driver.close()

    def driver(self, bundle: Bundle, depot: BundleDepot, connector: LocalConnector) -> HostDriver:
        self.runs += 1
        places = {"fleet_root": f"{self.folder}/root", "fleet_state": f"{self.folder}/state"}
        host = Host("host", Endpoint("localhost"), variables=places)
        work = PackageWork(
            Package("app", on="all", bundle=Origin("b")), bundle.manifest, "", ("-",)
        )
        return HostDriver(
            connector,
            lambda _: Assignment(host, (work,), "all"),
            depot,
            build_check,
            build_gate,
            build_trigger,
            RunIdentity(f"run-{self.runs}", "test", "nonce"),
            WallClock(),
            policy=POLICY,
        )

    def holds(self, bundle: Bundle, files: Mapping[str, bytes]) -> bool:
        place = self.disk(bundle)
        found = {str(p.relative_to(place)): p for p in place.rglob("*") if p.is_file()}
        return {n: p.read_bytes() for n, p in found.items() if ".fleet" not in n} == files


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    store = PayloadStore(tmp_path / "cache/payloads")
    yield Machine(tmp_path / "host", store)
    store.close()


@pytest.mark.parametrize(
    ("tool", "means", "most"),
    [
        ("zstd", "zstd-patch", 2_000),
        ("python3", "bsdiff", 2_500),
        ("xz", "xz", 420_000),
        ("neither", "gzip", 420_000),
    ],
)
async def test_each_kind_of_host_gets_the_least(
    machine: Machine,
    bundles: list[Bundle],
    shelves: dict[str, str],
    tool: str,
    means: str,
    most: int,
) -> None:
    old, new, renamed = bundles
    machine.path = shelves[tool]
    await machine.stage(old)
    told = await machine.stage(new, old)
    assert (told["means"], told["received"], told["reused"]) == (means, 2, 2)
    assert told["sent"] < most
    assert machine.holds(new, NEW)
    told = await machine.stage(renamed, old)
    assert (told["received"], told["reused"]) == (0, len(OLD))
    assert told["sent"] < 1_500
    assert machine.holds(renamed, RENAMED)


async def test_a_changed_base_falls_back_to_full_content(
    machine: Machine, bundles: list[Bundle]
) -> None:
    old, new, _ = bundles
    await machine.stage(old)
    (machine.disk(old) / "gone").write_bytes(b"mine")
    told = await machine.stage(new, old)
    assert (told["means"], told["received"]) == ("zstd", 4)
    assert 400_000 < told["sent"] < 420_000
    assert machine.holds(new, NEW)


async def test_short_of_memory_no_patch_goes(
    machine: Machine, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patching, "OVERHEAD", 1 << 50)
    await machine.stage(bundles[0])
    told = await machine.stage(bundles[1], bundles[0])
    assert (told["means"], told["received"]) == ("zstd", 2)


async def test_a_cut_transfer_goes_on_in_the_same_run(
    machine: Machine, bundles: list[Bundle]
) -> None:
    told = await machine.stage(bundles[0], cut_at=200_000)
    size = sum(map(len, OLD.values()))
    assert size // 2 - 20_000 < told["sent"] < size // 2 + 20_000
    assert machine.holds(bundles[0], OLD)


NAMES = st.text(st.sampled_from("ab'\"%$ é"), min_size=1, max_size=4).filter(
    lambda name: name.strip(". ") == name
)
PIECES = st.sampled_from([b"", b"x", NOISE[:3000], NOISE[500:9000], b"text\n" * 400, NOISE[:40]])
TREES = st.dictionaries(NAMES, st.lists(PIECES, max_size=4).map(b"".join), max_size=7)


@settings(
    max_examples=12,
    deadline=None,
    database=None,
)
@given(old=TREES, new=TREES, tool=st.sampled_from(["zstd", "python3"]))
def test_any_tree_from_any_other(
    keys: Path,
    trust: Trust,
    shelves: dict[str, str],
    old: dict[str, bytes],
    new: dict[str, bytes],
    tool: str,
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        before = make_bundle(folder, keys, trust, "1.0.0", old)
        after = make_bundle(folder, keys, trust, "1.1.0", new)
        store = PayloadStore(folder / "cache/payloads")
        machine = Machine(folder / "host", store, shelves[tool])
        asyncio.run(_both(machine, before, after, new))
        store.close()


async def _both(machine: Machine, old: Bundle, new: Bundle, files: dict[str, bytes]) -> None:
    await machine.stage(old)
    await machine.stage(new, old)
    assert machine.holds(new, files)
