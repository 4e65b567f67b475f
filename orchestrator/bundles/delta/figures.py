"""What an upgrade from one bundle to another takes, by every means: bytes and time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles.delta import bases
from orchestrator.bundles.delta.cache import PatchCache
from orchestrator.bundles.delta.patching import Job, Patcher, outline
from orchestrator.bundles.payload import PayloadStore, missing
from orchestrator.bundles.reader import Bundle
from orchestrator.model.bundle import FileEntry
from orchestrator.model.transfer import Means
from orchestrator.ports import Payload


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes sent, and seconds to make and to undo them on this machine.

    ``undo`` is None where this machine lacks the tool.
    """

    means: Means
    sent: int
    make: float
    undo: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """``files`` of ``size`` bytes in all are not on a host that has the older bundle.

    ``whole`` is what a host takes that has nothing; ``costs`` are those of the upgrade.
    """

    files: int
    size: int
    whole: Cost
    costs: tuple[Cost, ...]


async def compare(old: Bundle, new: Bundle, folder: Path, undoing: str) -> Figures:
    """Make and undo the payloads of an upgrade in a folder of scratch.

    ``undoing`` is the text of the Python program that undoes a bsdiff. Raises TrustError when
    content is not what was signed, FleetError when the folder cannot be written.
    """
    files = missing(new.manifest, [old.manifest])
    with closing(PayloadStore(folder / "payloads")) as store:
        job = outline(new, files, old)
        costs: list[Cost | None] = []
        for means in Means:
            if not means.is_patch:
                costs.append(await _full(store, new, files, means))
            elif job and job.possible(means):
                costs.append(await _patched(store, job, means, folder, undoing))
        whole = await _full(store, new, new.manifest.files, Means.ZSTD)
    made = tuple(cost for cost in costs if cost)
    return Figures(len(files), sum(entry.size for entry in files), whole, made)


async def _full(store: PayloadStore, new: Bundle, files: Sequence[FileEntry], means: Means) -> Cost:
    began = time.perf_counter()
    payload = await asyncio.to_thread(store.payload, new, files, means)
    made = time.perf_counter() - began
    return Cost(means, payload.size, made, await _undo([means, "-dc"], payload))


async def _patched(
    store: PayloadStore, job: Job, means: Means, folder: Path, undoing: str
) -> Cost | None:
    began = time.perf_counter()
    found = await Patcher(store, PatchCache(folder / "patches")).patch(job, means)
    made = time.perf_counter() - began
    if not found:
        return None
    base = folder / "base"
    bases.write(job.base, job.picks, base)
    commands = {
        Means.ZSTD_PATCH: ["zstd", "-dcq", "--long=31", f"--patch-from={base}"],
        Means.BSDIFF: [sys.executable, "-ISc", undoing, str(base)],
    }
    return Cost(means, found[0].size, made, await _undo(commands[means], found[0]))


async def _undo(command: list[str], payload: Payload) -> float | None:
    """Return how long a command takes to undo a payload."""
    began = time.perf_counter()
    with payload.path.open("rb") as file:
        try:
            worker = await asyncio.create_subprocess_exec(
                *command, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except FileNotFoundError:
            return None
        return time.perf_counter() - began if await worker.wait() == 0 else None
