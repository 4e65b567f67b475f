"""Runs that are held while a hook of the canary is at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.baddays.site import NEW, OLD, Area, Disk, Running
from tests.labs import eventually

CANARY = "h001"


@contextmanager
def held(area: Area, *, hook: str = "pre_activate", version: str = NEW) -> Iterator[Running]:
    """Apply a version; the canary's hook is at work, and waits."""
    disk = area.disk(CANARY)
    disk.hold(hook)
    with area.start_apply(version) as controller:
        await_hook(disk, hook)
        yield controller


def await_hook(disk: Disk, hook: str) -> None:
    """Wait until a hook, or a step, is at work that was not when the area was made."""
    seen = {f"{hook} {OLD}"} - {f"pre_revert {OLD}", f"post_revert {OLD}"}
    assert eventually(lambda: any(t.startswith(hook) for t in set(disk.trace) - seen)), disk.trace


def assert_settled(area: Area, version: str) -> None:
    """Every host has this version, proved, and nothing is under way there."""
    assert area.versions() == area.all_on(version)
    assert not any(disk.locked or disk.on_trial for disk in area.disks)
    area.verify()
