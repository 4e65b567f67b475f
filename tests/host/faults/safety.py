"""The safety properties, by name; each raises Violation."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from tests.host.program.driver import living

from .world import World, within

GRACE = 30.0
"""Seconds after a deadline by which a host has gone back, on a machine with other things to do."""

SCRATCH = (
    *("**/*.new", "**/.*.new", "state/**/busy", "state/**/busy.*"),
    *(
        "state/*/incoming/*",
        "state/*/verify/*",
        "state/*/watchdog",
        "state/*/lock",
        "state/*/trial",
    ),
)
"""What no finished run leaves, as patterns below the host's folder."""


class Violation(AssertionError):
    """A safety property does not hold."""

    def __init__(self, name: str, why: object) -> None:
        super().__init__(f"{name}: {why}")


def whole(world: World) -> None:
    """What is active is wholly one signed, complete release: its bytes are compared."""
    active = world.place.active
    if not active:
        return
    known = {release.id: release for release in world.releases.values()}
    if active not in known:
        raise Violation("nothing unsigned is active", active)
    folder = world.place.home / "releases" / active
    if active not in world.complete():
        raise Violation("nothing incomplete is active", active)
    try:
        known[active].written_in(folder)
    except (AssertionError, OSError) as error:
        raise Violation("wholly old or wholly new", f"{active}: {error!r}") from None
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        ours = name.startswith(".fleet/") or path.is_symlink() or name in known[active].files
        if path.is_file() and not ours:
            raise Violation("wholly old or wholly new", f"{active} has {name}")


def as_recorded(world: World) -> None:
    """What is active is one of the two ends of the trial, or the end that was reached."""
    trial, last = world.trial, world.record("last")
    if trial:
        ends = {trial["from"], trial["release"]}
    elif world.going_back(last.get("nonce", "")):
        ends = {last["from"], last["to"]}
    else:
        ends = _reached(last)
    if ends and world.place.active not in ends:
        raise Violation("wholly old or wholly new", f"{world.place.active}: {trial}, {last}")


def _reached(last: dict[str, str]) -> set[str]:
    """Return what a trial that is over has made active; nothing when a person has to look."""
    end = {"confirmed": "to", "committed": "to", "reverted": "from", "": ""}
    key = end.get(last.get("outcome", ""))
    return set() if key is None else {last.get(key, "")}


def confirmed_stays(world: World) -> None:
    """What was confirmed is active until somebody asks for something else."""
    last = world.record("last")
    if last.get("outcome") in ("confirmed", "committed") and last["nonce"] not in world.asked:
        raise Violation("confirmed only when asked", last)
    if world.confirmed and world.place.active != world.confirmed:
        raise Violation("confirmed stays", f"{world.place.active}, not {world.confirmed}: {last}")


@contextlib.contextmanager
def unchanged(world: World, *, all_records: bool) -> Iterator[None]:
    """What a stranger asks for changes nothing; a trial that may end meanwhile is not looked at."""
    trial = world.trial
    if trial and int(trial["seconds"]) < 60:
        yield
        return
    before = world.snapshot(all_records=all_records)
    yield
    after = world.snapshot(all_records=all_records)
    if before != after:
        changed = {
            name: (before[name], after[name]) for name in after if before[name] != after[name]
        }
        raise Violation("strangers change nothing", changed)


def gone_in_time(world: World) -> None:
    """Wait until a trial's deadline has passed: what was not confirmed is no longer active."""
    trial = world.trial
    if not trial or int(trial["seconds"]) >= 60:
        return
    left = world.activated + int(trial["seconds"]) - time.monotonic()
    disk = world.disk
    if disk and disk.hurt:
        within(left + 2, lambda: not world.trial)
        disk.mend()
        world.wounded = True
    elif world.wounded:
        within(left + 2, lambda: not world.trial)
    if world.wounded and world.trial:
        world.refused()

    def gone() -> bool:
        return world.place.active != trial["release"] or _ended_well(world, trial["nonce"])

    if not within(max(left, 0) + GRACE, gone):
        raise Violation("unconfirmed is gone after its deadline", trial)
    if world.place.active not in (trial["from"], trial["release"]):
        raise Violation("back to what was before", f"{world.place.active}: {trial}")
    if not within(GRACE, lambda: not world.trial):
        raise Violation("a trial ends", f"{trial}, {world.record('last')}")
    # Whoever took it back is about to remove its record, unless it was killed.
    within(2, lambda: not world.record("trial"))


def _ended_well(world: World, nonce: str) -> bool:
    last = world.record("last")
    return last.get("nonce") == nonce and last.get("outcome") in ("confirmed", "committed")


def ledger_agrees(world: World) -> None:
    """The steps of the active release are in the ledger, and what was done is what it tells of."""
    ledger = world.ledger()
    there = world.place.home / "shared/steps"
    done = {path.name for path in there.iterdir()} if there.exists() else set()
    if done != ledger:
        raise Violation("the ledger agrees", f"done {sorted(done)}, told {sorted(ledger)}")
    wanted = {f"s{number}" for number in range(1, int((world.place.active or "0")[0]) + 1)}
    if not wanted <= ledger:
        raise Violation("the ledger agrees", f"{world.place.active}, told {sorted(ledger)}")


def nothing_is_left(world: World) -> None:
    """No process and no scratch is left, and no lock."""
    home = world.place.root.parent
    if not within(GRACE, lambda: not living(str(home))):
        raise Violation("no stray process", living(str(home)))
    left = [path for pattern in SCRATCH for path in home.glob(pattern)]
    if left:
        raise Violation("nothing is left behind", sorted(map(str, left)))
