"""Makes the patches of one run: each once, in worker processes, kept for later runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.bundles.delta import bases, targets
from orchestrator.bundles.delta.bases import Pick
from orchestrator.bundles.delta.cache import Patch, PatchCache
from orchestrator.bundles.delta.once import Once
from orchestrator.bundles.delta.targets import Target
from orchestrator.bundles.payload import PayloadStore, unwritable
from orchestrator.bundles.reader import Bundle
from orchestrator.errors import TrustError
from orchestrator.model.bundle import FileEntry
from orchestrator.model.transfer import Abilities, Base, Means
from orchestrator.ports import Payload

EDITION = "1"
"""Changed whenever patches of the same bundles come out otherwise."""

LEAST = 32 << 10
"""Bytes of a target below which a patch is not worth a process, here and on the host."""

MOST: dict[Means, int] = {Means.ZSTD_PATCH: 1 << 30, Means.BSDIFF: 256 << 20}
"""Bytes of base and target together above which a patch takes too much time and memory here."""

LONGEST = 240.0
"""Seconds after which full content goes rather than a patch that is still being made.

Hosts wait meanwhile, and two kinds of patch must fit into the time that staging has.
"""

OVERHEAD = 64 << 20
"""Memory that undoing a patch takes beside what grows with its size, in bytes."""


@dataclass(frozen=True, slots=True)
class Job:
    """A patch that could be made."""

    target: Target
    base: Bundle
    picks: tuple[Pick, ...]

    @property
    def size(self) -> int:
        """Return how long base and target are together, in bytes."""
        return bases.size(self.base, self.picks) + self.target.size

    def possible(self, means: Means) -> bool:
        """Return whether a patch of this kind can be made here."""
        return self.size <= MOST[means]

    def fits(self, means: Means, able: Abilities) -> bool:
        """Return whether it can be made here, and undone by a host of such abilities."""
        grows = self.size if means is Means.ZSTD_PATCH else 0
        enough = OVERHEAD + grows <= able.memory
        return means in able.means and enough and self.possible(means)

    def key(self, means: Means) -> str:
        """Return what names the patch, here and in later runs."""
        ends = (self.base.manifest.digest, self.target.bundle.manifest.digest)
        files = [entry.path for entry in self.target.files]
        signature = self.target.bundle.signature_bytes.decode()
        text = json.dumps([EDITION, means, *ends, signature, files])
        return hashlib.sha256(text.encode()).hexdigest()


def outline(bundle: Bundle, files: Sequence[FileEntry], base: Bundle) -> Job | None:
    """Return the job of patching from ``base``, None where it cannot or need not be done."""
    target = targets.target(bundle, files)
    if target is None or target.size < LEAST:
        return None
    return Job(target, base, bases.picked(base, bundle.manifest))


class Patcher:
    """Makes patches in worker processes, as many at a time as there are processors."""

    def __init__(self, store: PayloadStore, cache: PatchCache) -> None:
        self._store = store
        self._cache = cache
        self._free = asyncio.Semaphore(os.cpu_count() or 1)
        self._made: Once[str, Patch | None] = Once()

    async def patch(self, job: Job, means: Means) -> tuple[Payload, int] | None:
        """Return the patch, and how long its target is without a base; None when it failed.

        Raises TrustError when content is not what was signed, FleetError when the spool cannot be
        written.
        """
        key = job.key(means)
        found = await self._made.get(key, partial(self._patch, key, job, means))
        return (_payload(job, means, found), found.plain) if found else None

    async def _patch(self, key: str, job: Job, means: Means) -> Patch | None:
        path = self._store.place(job.target.bundle, means)
        try:
            found = await asyncio.to_thread(self._cache.take, key, path)
            if found is None:
                async with asyncio.timeout(LONGEST), self._free:
                    found = await self._make(job, means, path)
                if found is not None:
                    await asyncio.to_thread(self._cache.put, key, found)
        except TimeoutError:
            path.unlink(missing_ok=True)
            return None
        except OSError as error:
            raise unwritable(error, path) from None
        return found

    async def _make(self, job: Job, means: Means, path: Path) -> Patch | None:
        old, new = path.with_suffix(".base"), path.with_suffix(".target")
        try:
            base = await asyncio.to_thread(_written, job, old)
            if base is None:
                return None
            await asyncio.to_thread(job.target.write, new)
            head = sum(job.target.heads)
            lines = bases.segments(job.base, job.picks, head, job.target.files)
            task = {
                "means": means,
                "base": str(old),
                "target": str(new),
                "patch": str(path),
                "segments": [(segment.base, segment.target) for segment in lines],
            }
            said = await _work(json.dumps(task).encode())
            return await asyncio.to_thread(_made, path, said, base) if said else None
        finally:
            old.unlink(missing_ok=True)
            new.unlink(missing_ok=True)


def _written(job: Job, path: Path) -> Base | None:
    """Write the base; None when the old bundle is damaged, which costs nothing but the patch."""
    try:
        return bases.write(job.base, job.picks, path)
    except TrustError:
        return None


async def _work(task: bytes) -> bytes:
    """Let a worker do a job; returns what it says, nothing when it failed (for want of memory)."""
    command = (sys.executable, "-P", "-m", "orchestrator.bundles.delta.worker")
    worker = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        said, _ = await worker.communicate(task)
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    return said if worker.returncode == 0 else b""


def _made(path: Path, said: bytes, base: Base) -> Patch:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Patch(path, path.stat().st_size, digest, int(json.loads(said)["plain"]), base)


def _payload(job: Job, means: Means, patch: Patch) -> Payload:
    return Payload(
        patch.path,
        patch.size,
        len(job.target.files),
        means,
        patch.sha256,
        patch.base,
        job.target.size,
        job.target.heads,
    )
