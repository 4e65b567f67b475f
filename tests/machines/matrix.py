"""The kill matrix on machines: struck at every point of the host program, and what became of it.

``python -m tests.machines.matrix [POINT|ACTOR...]`` tries all points with all actors, or some, and
prints points by actors by outcomes. It needs root, and takes the better part of an hour.

A trial is a real run of ``fleet apply`` that stands still at a point of the host program. There an
*actor* strikes: the machine loses its power, or the host program or the controller is killed. Then
nobody interferes any more: the run is resumed where it was broken off, and the plan applied again.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from orchestrator.errors import FleetError
from orchestrator.lab.lab import Lab
from orchestrator.lab.processes import is_alive, send
from orchestrator.lab.spec import LabKind
from tests.baddays.running import Running
from tests.baddays.site import BAD, NEW, OLD
from tests.labs import MACHINES, eventually
from tests.machines.site import Ground, MachineSite, make_site
from tests.machines.system import System

PATIENCE = 120.0
TIDIED = 20.0
"""Seconds within which a watchdog removes what a process that was ended left of a trial's end."""
PROGRAM = Path(__file__).parents[2] / "orchestrator/host/program"


class Actor(StrEnum):
    """Who strikes."""

    POWER = "power"
    """The machine's power is cut; the controller lives on."""
    PROGRAM = "program"
    """The host program is killed."""
    CONTROLLER = "controller"
    """The controller is killed; the host program goes on, and finds itself alone."""


class Way(StrEnum):
    """What the run would come to if it were left alone."""

    STAYS = "stays"
    """A good release."""
    BACK = "goes back"
    """A release whose validation says no."""
    ALONE = "left alone"
    """A good release whose controller has died; the watchdog goes back at the deadline."""


PARTS: Mapping[Way, tuple[str, ...]] = {
    Way.STAYS: (
        *("activate", "boot", "confirm", "lock", "receive", "retire", "stage"),
        *("trial", "watch"),
    ),
    Way.BACK: ("revert",),
    Way.ALONE: ("revert",),
}
"""Where the points of each way are: the parts of the host program that it goes through."""

ELSEWHERE = {
    "withdrawn": "only a host that was staged and not activated lets go of a release",
    "held": "only hosts that are committed together are confirmed on trial",
    "inspected": "the second time, as `received`",
    "spooled": "a payload as small as these is unpacked as it comes",
}
"""Points that no way comes past, and why."""

AFTER_A_BOOT = "boot_counted"
"""A point that is passed in a boot of the trial: its release reboots."""

VALIDATING = "validating"
"""A point that is none of the program's: a validation is at work."""

SETTLES = {Way.STAYS: NEW, Way.BACK: OLD, Way.ALONE: NEW}
"""What the machine has when the plan was applied once more."""

MAY_BECOME = {Way.STAYS: {OLD, NEW}, Way.BACK: {OLD}, Way.ALONE: {OLD}}
"""What the machine may have when the run has ended."""


DEADLINES = {Way.STAYS: 60, Way.BACK: 60, Way.ALONE: 12}
"""Seconds of a trial."""


@dataclass(frozen=True, slots=True)
class Case:
    """One trial to be made."""

    way: Way
    point: str
    actor: Actor

    @property
    def name(self) -> str:
        """Return a name for its ground: also that of a unit and of folders."""
        return f"{self.way.split()[-1]}-{self.point}-{self.actor}"

    @property
    def kill_point(self) -> str:
        """Return what the host program is told."""
        watches = self.way is Way.ALONE or self.point == AFTER_A_BOOT
        return f"watchdog {self.point}" if watches else self.point


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a case."""

    case: Case
    became: str
    """The version that was active when its run had ended."""
    flaws: tuple[str, ...]
    seconds: float

    @property
    def outcome(self) -> str:
        """Return it in a word or two."""
        if self.flaws:
            return "FAILED"
        return {NEW: "wholly new", OLD: "wholly old"}[self.became]


def points(way: Way) -> list[str]:
    """Return the points of the host program that a way comes past, in the order of its text."""
    found: dict[str, None] = {}
    for part in PARTS[way]:
        path = PROGRAM / f"{part}.sh"
        text = path.read_text() if path.exists() else ""
        found |= dict.fromkeys(re.findall(r"(?:^ +|&& )point (\w+)$", text, re.MULTILINE))
    named = [point for point in found if point not in ELSEWHERE]
    return [*named, VALIDATING] if way is Way.STAYS else named


def all_cases() -> list[Case]:
    """Return every point with every actor that can strike there."""
    return [
        Case(way, point, actor)
        for actor in Actor
        for way in Way
        for point in points(way)
        if _makes_sense(way, point, actor)
    ]


def _makes_sense(way: Way, point: str, actor: Actor) -> bool:
    if way is Way.ALONE:  # its controller is dead already
        return actor is not Actor.CONTROLLER
    return point != VALIDATING or actor is not Actor.PROGRAM


def try_all(site: MachineSite, cases: Iterable[Case]) -> Iterator[Verdict]:
    """Carry the cases out, one on each machine at a time, and judge what is left."""
    free: SimpleQueue[System] = SimpleQueue()
    for system in site.systems:
        free.put(system)

    def one(case: Case) -> Verdict:
        system = free.get()
        begun = time.monotonic()
        try:
            became, flaws = try_one(site, system, case)
        except (AssertionError, FleetError, OSError, subprocess.SubprocessError) as error:
            became, flaws = "", [str(error)]
        finally:
            free.put(system)
        return Verdict(case, became, tuple(flaws), time.monotonic() - begun)

    with ThreadPoolExecutor(MACHINES) as pool:
        yield from pool.map(one, cases)


def try_one(site: MachineSite, system: System, case: Case) -> tuple[str, list[str]]:
    """Carry one case out; return which version its run has led to, and what is wrong."""
    seconds = DEADLINES[case.way]
    reboot = {"when": "always" if case.point == AFTER_A_BOOT else "never", "deadline": 20}
    ground = site.two_releases(
        system,
        case.name,
        package={"keep": {"releases": 2}, "trial": {"deadline": seconds}, "reboot": reboot},
        timeouts={"validate": seconds * 2 // 5, "confirm": seconds * 2 // 5},
    )
    strike(ground, case)
    flaws = list(whole_flaws(ground))
    became = end_run(ground, case)
    flaws += state_flaws(ground, MAY_BECOME[case.way], when="when the run had ended")
    apply_again(ground, case, became)
    flaws += state_flaws(ground, {SETTLES[case.way]}, when="after another apply")
    if not flaws:
        ground.clear()
    return became, flaws


def strike(ground: Ground, case: Case) -> None:
    """Apply a release, and strike when its host stands still at the point."""
    system, boot = ground.system, ground.system.boot

    def stands_still() -> bool:
        # A shutdown stops all processes for a moment.
        return (case.point != AFTER_A_BOOT or system.boot != boot) and bool(system.stopped())

    system.set_environment(FLEET_KILL_POINT=case.kill_point, FLEET_KILL_SIGNAL="STOP")
    with started(ground, case) as controller:
        eventually(lambda: stands_still() or has_ended(controller, case), PATIENCE)
        told = f"the run never came past it:\n{controller.stdout}\n{controller.stderr}"
        assert stands_still(), told
        assert eventually(system.answers, PATIENCE), f"{system.name} does not answer"
        system.set_environment()
        STRIKES[case.actor](ground, controller)
        controller.wait(PATIENCE)


@contextmanager
def started(ground: Ground, case: Case) -> Iterator[Running]:
    """Start the run; where it is to be left alone, until its controller has been killed."""
    hold = f"/run/hold-{ground.name}"
    if case.way is Way.ALONE:
        ground.system.run(f"touch {hold}")
    with ground.area.start_apply(BAD if case.way is Way.BACK else NEW) as controller:
        if case.way is Way.ALONE:
            controller.await_line('"action":"validate"')
            controller.send(signal.SIGKILL)
            controller.wait()
            ground.system.run(f"rm {hold}")
        yield controller


def has_ended(controller: Running, case: Case) -> bool:
    return case.way is not Way.ALONE and controller.process.poll() is not None


def cut_power(ground: Ground, _controller: Running) -> None:
    ground.system.lab.powercut(ground.system.name, wait=False)
    assert eventually(ground.system.answers, PATIENCE), f"{ground.system.name} does not come back"


def kill_program(ground: Ground, _controller: Running) -> None:
    for process in ground.system.stopped():
        send(process.identity, signal.SIGKILL)


def kill_controller(ground: Ground, controller: Running) -> None:
    stopped = [process.identity for process in ground.system.stopped()]
    controller.send(signal.SIGKILL)
    controller.wait()

    def have_ended() -> bool:
        # Who goes on may come past its point again.
        for process in ground.system.stopped():
            send(process.identity, signal.SIGCONT)
        return not any(map(is_alive, stopped))

    eventually(have_ended, TIDIED)


STRIKES: Mapping[Actor, Callable[[Ground, Running], None]] = {
    Actor.POWER: cut_power,
    Actor.PROGRAM: kill_program,
    Actor.CONTROLLER: kill_controller,
}


def end_run(ground: Ground, case: Case) -> str:
    """Let the run come to its end, by another controller if need be; return what it came to."""
    if case.way is Way.ALONE:
        eventually(lambda: is_back(ground), PATIENCE)
    if not ground.area.rollout().finished:
        ground.area.fleet("resume", "last", expect=None)
    return ground.look().version


def is_back(ground: Ground) -> bool:
    found = ground.look()
    return found.version == OLD and "trial" not in found.left


def apply_again(ground: Ground, case: Case, became: str) -> None:
    """Apply once more, as people do when a run has not brought what they wanted."""
    wanted = SETTLES[case.way]
    if became != wanted:
        with ground.area.journal() as journal:
            denied = [entry.manifest[:12] for entry in journal.denied()]
        for entry in denied:
            ground.area.fleet("denylist", "lift", entry)
    ground.area.apply(wanted)


def whole_flaws(ground: Ground) -> Iterator[str]:
    """Say what is wrong with the active release right after the strike."""
    found = ground.look()
    if found.version not in (OLD, NEW, BAD):
        yield f"right after, {found.active or 'nothing'} is active"
    elif found.digests != ground.machines.digests(found.version):
        yield f"right after, {found.active} is not whole: {found.digests}"


def state_flaws(ground: Ground, versions: set[str], *, when: str) -> Iterator[str]:
    """Say what is wrong with the machine when all has ended, and its watchdog has tidied up."""
    eventually(lambda: not ground.look().left, TIDIED)
    found = ground.look()
    if found.version not in versions:
        yield f"{when}, {found.active} is active"
    if found.digests != ground.machines.digests(found.version):
        yield f"{when}, {found.active} is not whole"
    if found.runs != found.active:
        yield f"{when}, the service runs {found.runs or 'not'}, and {found.active} is active"
    if found.left:
        yield f"{when}, there are {', '.join(found.left)}"
    if ground.system.stopped():
        yield f"{when}, something stands still"


def table(verdicts: Sequence[Verdict]) -> str:
    """Return ways and actors by outcomes, as text."""
    outcomes = sorted({verdict.outcome for verdict in verdicts})
    rows: list[tuple[object, ...]] = [("the run", "struck", "points", *outcomes)]
    for way in Way:
        for actor in Actor:
            found = Counter(
                verdict.outcome
                for verdict in verdicts
                if (verdict.case.way, verdict.case.actor) == (way, actor)
            )
            if found:
                rows.append((way, actor, found.total(), *(found[word] for word in outcomes)))
    total = Counter(verdict.outcome for verdict in verdicts)
    rows.append(("all", "", total.total(), *(total[word] for word in outcomes)))
    return "\n".join("  ".join(f"{cell!s:<12}" for cell in row).rstrip() for row in rows)


def main(wanted: Sequence[str]) -> int:
    """Try all points and actors, or those wanted, and print what came of it."""
    actors = set(wanted) & set(Actor) or set(Actor)
    chosen = set(wanted) - set(Actor)
    cases = [it for it in all_cases() if it.actor in actors and it.point in (chosen or {it.point})]
    verdicts = []
    with TemporaryDirectory(prefix="matrix-") as folder:
        lab = Lab.up(Path(folder) / "lab", MACHINES, kind=LabKind.MACHINE)
        try:
            site = make_site(lab, Path(folder) / "site")
            for verdict in try_all(site, cases):
                case = verdict.case
                print(f"{case.way:10}  {case.point:20}  {case.actor:10}  {verdict.outcome}", end="")
                print(f"  {verdict.seconds:.0f} s", *verdict.flaws, sep="\n    ", flush=True)
                verdicts.append(verdict)
        finally:
            lab.down()
    print(table(verdicts))
    return any(verdict.flaws for verdict in verdicts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
