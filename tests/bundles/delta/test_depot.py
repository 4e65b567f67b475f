"""Which payload a host gets, by what it can undo and what it has."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.bundles.delta import patching
from orchestrator.bundles.delta.cache import PatchCache
from orchestrator.bundles.delta.patching import Patcher
from orchestrator.bundles.depot import BundleDepot
from orchestrator.bundles.payload import PayloadStore, missing
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust
from orchestrator.errors import FleetError, TrustError
from orchestrator.model.transfer import PLAIN, Abilities, Means
from orchestrator.ports import Payload

from .conftest import OLD
from .making import make_bundle

ALL = Abilities(frozenset(Means), 1 << 30)
NO_PATCH = {Means.ZSTD, Means.XZ, Means.GZIP}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PayloadStore]:
    store = PayloadStore(tmp_path / "payloads")
    yield store
    store.close()


@pytest.fixture
def cache(tmp_path: Path) -> PatchCache:
    return PatchCache(tmp_path / "patches")


async def payload(
    depot: BundleDepot, old: Bundle, new: Bundle, able: Abilities, base: str = ""
) -> Payload:
    files = missing(new.manifest, [old.manifest])
    return await depot.payload(new.manifest, files, able, base or old.manifest.release)


def means(*words: Means, memory: int = 1 << 30) -> Abilities:
    return Abilities(frozenset({Means.GZIP, *words}), memory)


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        (ALL, Means.ZSTD_PATCH),
        (means(Means.BSDIFF), Means.BSDIFF),
        (means(Means.BSDIFF, Means.ZSTD, memory=1 << 20), Means.ZSTD),
        (means(*NO_PATCH), Means.ZSTD),
        (means(Means.XZ), Means.XZ),
        (PLAIN, Means.GZIP),
    ],
)
async def test_the_smallest_that_can_be_undone(
    old: Bundle,
    new: Bundle,
    store: PayloadStore,
    cache: PatchCache,
    able: Abilities,
    expected: Means,
) -> None:
    depot = BundleDepot([new], store, [old], Patcher(store, cache))
    found = await payload(depot, old, new, able)
    assert found.means is expected
    assert found.size == found.path.stat().st_size
    assert found.files == 4
    assert (found.size < 2000) is expected.is_patch
    assert bool(found.base) is expected.is_patch


async def test_one_for_all_and_again_in_the_next_run(
    old: Bundle,
    new: Bundle,
    store: PayloadStore,
    cache: PatchCache,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    worked = []
    genuine = patching._work

    async def counted(task: bytes) -> bytes:
        worked.append(task)
        return await genuine(task)

    monkeypatch.setattr(patching, "_work", counted)
    depot = BundleDepot([new], store, [old], Patcher(store, cache))
    found = await asyncio.gather(*(payload(depot, old, new, ALL) for _ in range(20)))
    assert len({id(one) for one in found}) == 1
    assert len(worked) == 1
    later = PayloadStore(tmp_path / "later")
    again = await payload(BundleDepot([new], later, [old], Patcher(later, cache)), old, new, ALL)
    assert len(worked) == 1
    assert again.path.read_bytes() == found[0].path.read_bytes()
    assert (again.sha256, again.base, again.heads) == (
        found[0].sha256,
        found[0].base,
        found[0].heads,
    )
    later.close()


async def test_without_a_base_all_goes_in_full(
    old: Bundle, new: Bundle, store: PayloadStore, cache: PatchCache
) -> None:
    depot = BundleDepot([new], store, [old], Patcher(store, cache))
    assert (await payload(depot, old, new, ALL, "9.9.9-0123456789ab")).means is Means.ZSTD
    depot = BundleDepot([new], store, [old])
    assert (await payload(depot, old, new, ALL)).means is Means.ZSTD


async def test_a_patch_that_is_not_worth_it(
    old: Bundle, keys: Path, trust: Trust, store: PayloadStore, cache: PatchCache, tmp_path: Path
) -> None:
    other = {"bin/app": random.Random(5).randbytes(100_000)}
    alien = make_bundle(tmp_path, keys, trust, "2.0.0", other)
    depot = BundleDepot([alien], store, [old], Patcher(store, cache))
    found = await payload(depot, old, alien, ALL)
    full = store.payload(alien, alien.manifest.files, Means.ZSTD)
    assert found.size <= full.size


async def test_little_is_not_patched(
    old: Bundle, keys: Path, trust: Trust, store: PayloadStore, cache: PatchCache, tmp_path: Path
) -> None:
    near = make_bundle(tmp_path, keys, trust, "2.0.0", OLD | {"doc/new": b"new"})
    depot = BundleDepot([near], store, [old], Patcher(store, cache))
    assert (await payload(depot, old, near, ALL)).means is Means.ZSTD


async def test_a_worker_that_fails_costs_nothing_but_the_patch(
    old: Bundle,
    new: Bundle,
    store: PayloadStore,
    cache: PatchCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    depot = BundleDepot([new], store, [old], Patcher(store, cache))
    found = await payload(depot, old, new, ALL)
    assert found.means is Means.ZSTD
    assert sorted(path.suffix for path in store.folder.iterdir()) == [".zstd"]


async def test_a_damaged_bundle_is_an_error_and_leaves_nothing(
    old: Bundle, keys: Path, trust: Trust, store: PayloadStore, cache: PatchCache, tmp_path: Path
) -> None:
    broken = make_bundle(tmp_path, keys, trust, "2.0.0", {"bin/app": os.urandom(50_000)})
    broken.content(broken.manifest.files[0].sha256).write_bytes(bytes(50_000))
    depot = BundleDepot([broken], store, [old], Patcher(store, cache))
    with pytest.raises(TrustError, match="the content of 'bin/app'"):
        await payload(depot, old, broken, ALL)
    assert list(store.folder.iterdir()) == []


async def test_a_damaged_old_bundle_costs_nothing_but_the_patch(
    new: Bundle, keys: Path, trust: Trust, store: PayloadStore, cache: PatchCache, tmp_path: Path
) -> None:
    before = make_bundle(tmp_path, keys, trust, "1.0.1", OLD)
    before.content(before.manifest.files[0].sha256).write_bytes(b"damage")
    depot = BundleDepot([new], store, [before], Patcher(store, cache))
    assert (await payload(depot, before, new, ALL)).means is Means.ZSTD


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let workers sleep instead of working; returns where their pid is."""
    stand_in, mark = tmp_path / "python", tmp_path / "pid"
    stand_in.write_text(f"#!/bin/sh\necho $$ >{mark}.new; mv {mark}.new {mark}; exec sleep 60\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    return mark


def lives(mark: Path) -> bool:
    """Return whether the worker that left this mark, if any did, is there."""
    return mark.exists() and Path(f"/proc/{mark.read_text().strip()}").exists()


async def test_giving_up_ends_the_worker(
    old: Bundle, new: Bundle, store: PayloadStore, cache: PatchCache, sleeper: Path
) -> None:
    depot = BundleDepot([new], store, [old], Patcher(store, cache))
    waiting = asyncio.create_task(payload(depot, old, new, ALL))
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(sleeper.exists):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    tasks = [waiting, *(asyncio.all_tasks() - {asyncio.current_task(), waiting})]
    for task in tasks:  # as asyncio.run does at the end
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not lives(sleeper)


async def test_a_patch_that_takes_too_long_is_not_waited_for(
    old: Bundle,
    new: Bundle,
    store: PayloadStore,
    cache: PatchCache,
    sleeper: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patching, "LONGEST", 0.3)
    depot = BundleDepot([new], store, [old], Patcher(store, cache))
    assert (await payload(depot, old, new, ALL)).means is Means.ZSTD
    assert [path.suffix for path in store.folder.iterdir()] == [".zstd"]
    assert not lives(sleeper)


async def test_what_failed_is_tried_again(
    old: Bundle, new: Bundle, store: PayloadStore, cache: PatchCache
) -> None:
    depot = BundleDepot([new], store, [old], Patcher(store, cache))
    moved = store.folder.rename(store.folder.with_name("elsewhere"))
    with pytest.raises(FleetError, match="No such file"):
        await payload(depot, old, new, ALL)
    moved.rename(store.folder)
    assert (await payload(depot, old, new, ALL)).means is Means.ZSTD_PATCH


async def test_one_patch_for_hosts_of_two_kinds(
    old: Bundle, new: Bundle, store: PayloadStore, cache: PatchCache
) -> None:
    depot = BundleDepot([new], store, [old], Patcher(store, cache))
    kinds = (ALL, means(Means.ZSTD_PATCH))
    first, second = await asyncio.gather(*(payload(depot, old, new, kind) for kind in kinds))
    assert first.path == second.path
