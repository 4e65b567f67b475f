"""The kill matrix: a controller killed at every journalled point, and what became of the fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import SimpleQueue

from orchestrator.model.event import ActionBegun, ActionEnded, Event
from orchestrator.rollout.states import HostState
from tests.baddays.killer import Killer, Point, When
from tests.baddays.site import Area, Disk

AT_ONCE = 2
"""Kill points tried at the same time."""

KILLED = -9
OF_REVERT = dict.fromkeys(("pre_revert", "post_revert", "unstep"), "revert")
"""What in a host's trace is done by going back; the rest is done by an activation."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What must come of a run, whatever happens to its controllers."""

    version: str
    state: HostState
    code: int
    ledger: tuple[str, ...] = ()
    """The steps that are done on each host."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One kill point: what the controller was at, and what was wrong in the end."""

    point: Point
    what: str
    flaws: tuple[str, ...]
    doubted: int
    """Hosts that had to be probed."""

    @property
    def outcome(self) -> str:
        """Return what became of the fleet, in a word or two."""
        if self.flaws:
            return "FAILED"
        return "converged, probed" if self.doubted else "converged"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run in an area whose controller dies at a point.

    Where it is to die in its second life, ``first`` is where the first controller died.
    """

    area: Area
    version: str
    point: Point
    first: Point | None = None


def try_all(attempts: Iterable[Attempt], goal: Goal) -> list[Trial]:
    """Carry every attempt out, and judge what is left."""
    killers: SimpleQueue[Killer] = SimpleQueue()

    def one(attempt: Attempt) -> Trial:
        killer = killers.get()
        try:
            return survive(killer, attempt, goal)
        finally:
            killers.put(killer)

    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(AT_ONCE):
            killers.put(stack.enter_context(Killer()))
        return list(pool.map(one, attempts))


def survive(killer: Killer, attempt: Attempt, goal: Goal) -> Trial:
    """Kill a controller at one point, have another resume, and judge what is left."""
    area, log = attempt.area, attempt.area.folder / "log"
    apply = ("apply", area.plan, "-e", f"version={attempt.version}")
    resume = ("resume", "last")
    died = killer.run(apply, area.environ, log, attempt.first or attempt.point)
    if attempt.first:
        died = killer.run(resume, area.environ, log, attempt.point)
    before = area.events()
    code = killer.run(resume, area.environ, log)
    flaws = [*_run_flaws(area, goal, before), *_host_flaws(area, goal)]
    if died != KILLED:
        flaws.insert(0, f"the controller ended with {died}")
    if code != goal.code:
        flaws.insert(0, f"resume ended with {code}: {log.read_text()[-2000:]}")
    doubted = sum(
        any(move.after is HostState.IN_DOUBT for move in host.story)
        for host in area.rollout().hosts.values()
    )
    return Trial(attempt.point, _label(attempt.point, before), tuple(flaws), doubted)


def _run_flaws(area: Area, goal: Goal, before: Sequence[Event]) -> list[str]:
    """Say what is wrong with the run as its journal tells it; folding it is half of the proof."""
    after = area.events()
    rollout = area.rollout()
    flaws = [
        f"{name} is {host.state}"
        for name, host in rollout.hosts.items()
        if host.state is not goal.state or host.asked
    ]
    if not rollout.finished:
        flaws.append("the run is not finished")
    if after[: len(before)] != list(before):
        flaws.append("the journal has lost events")
    with area.journal() as journal:
        row = journal.runs()[0]
        if len(journal.runs()) != 1 or row.verdict != goal.code or row.lease.owner:
            flaws.append(f"the journal ends with {row}")
    return flaws


def _host_flaws(area: Area, goal: Goal) -> list[str]:
    return [f"{disk.host.name} {flaw}" for disk in area.disks for flaw in disk_flaws(disk, goal)]


def disk_flaws(disk: Disk, goal: Goal) -> list[str]:
    """Say what is wrong on one host."""
    flaws = []
    if disk.version != goal.version:
        flaws.append(f"has {disk.version or 'nothing'} active")
    if disk.on_trial:
        flaws.append("is still on trial")
    if disk.locked:
        flaws.append("is still locked")
    if disk.ledger != list(goal.ledger):
        flaws.append(f"has the ledger {disk.ledger}")
    entries = _of_last_run(disk)
    armed = sum(entry["at"] == "trial" for entry in entries)
    if armed > 1:
        flaws.append(f"armed {armed} trials")
    return flaws + _repeats(disk, entries)


def _of_last_run(disk: Disk) -> list[dict[str, object]]:
    return [entry for entry in disk.history if entry["run"] == disk.history[-1]["run"]]


def _repeats(disk: Disk, entries: list[dict[str, object]]) -> list[str]:
    """Say what ran more often than the host was asked for it: each time until it was done."""
    asked = Counter(entry["op"] for entry in entries if entry["at"] == "begin")
    return [
        f"ran '{line}' {times} times"
        for line, times in Counter(disk.trace).items()
        if times > max(1, asked[OF_REVERT.get(line.split()[0], "activate")])
    ]


def _label(point: Point, before: Sequence[Event]) -> str:
    """Say what the controller was at: the last event that it has journalled, or the next."""
    last = before[-1]
    what = f" {last.action}" if isinstance(last, ActionBegun | ActionEnded) else ""
    return f"{point.when} {type(last).__name__}{what}"


def table(trials: Sequence[Trial]) -> str:
    """Return kill points by outcomes, as text."""
    outcomes = sorted({trial.outcome for trial in trials})
    rows: list[tuple[object, ...]] = [("killed", "points", *outcomes)]
    for when in (*When, None):
        found = Counter(trial.outcome for trial in trials if when in (trial.point.when, None))
        if found:
            rows.append((when or "all", found.total(), *(found[word] for word in outcomes)))
    return "\n".join("  ".join(f"{cell!s:<18}" for cell in row).rstrip() for row in rows)
