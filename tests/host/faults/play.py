"""Plays a schedule on a host, and checks the safety properties on the way and at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tests.host.platforms import PLATFORMS
from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, living

from . import safety
from .acts import VERSIONS, Act, Fault, Kind, Schedule
from .disk import mounted
from .safety import Violation
from .world import NONCED, ORDER, QUIET, Order, World, forged, release, unsigned

K = Kind
WHO = "release@example.org"


@dataclass(frozen=True)
class Stage:
    """What all schedules share: a folder, the platforms' PATHs, releases signed by a key."""

    folder: Path
    paths: Mapping[str, str]
    releases: Mapping[str, Release]
    signers: str

    @classmethod
    def make(cls, folder: Path, platforms: tuple[str, ...], key: Path) -> Stage:
        """Make it below a folder."""
        paths = {
            name: PLATFORMS[name].lay_out(folder / name.replace(" ", "-")) for name in platforms
        }
        releases = {version: release(version).signed(key) for version in VERSIONS}
        public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        return cls(folder, paths, releases, f'{WHO} namespaces="fleet-bundle" {public}\n')

    def play(self, schedule: Schedule, told: list[str], *, disk: bool) -> None:
        """Play one schedule; what is done and answered is added to ``told``. Raises Violation."""
        home = Path(tempfile.mkdtemp(prefix=f"seed-{schedule.seed}-", dir=self.folder))
        with ExitStack() as stack:
            small = stack.enter_context(mounted(home)) if disk else None
            environment = {"PATH": self.paths[schedule.platform], "LANG": "C.UTF-8"}
            environment |= {"HOME": str(home), "FLEET_DEBUG": ""}
            place = Place(home / "root", home / "state", environment, "app")
            trust = {"signers": self.signers, "identities": WHO}
            world = World(place, dict(self.releases), trust, small)
            try:
                Player(world, told).play(schedule)
            except Violation:
                told += ["the host's history:", *world.history()]
                raise
            finally:
                _end_all(str(home))
        shutil.rmtree(home)


def _end_all(token: str) -> None:
    """Kill what a schedule has left running; after one that went well, that is nothing."""
    while found := living(token):
        for number in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


@dataclass
class Player:
    """Carries acts out, one after the other."""

    world: World
    told: list[str]

    def play(self, schedule: Schedule) -> None:
        """Carry all acts out; then mend what is broken, and see that a new run gets through."""
        for act in schedule.acts:
            ACTS[act.kind](self, act)
            self._check()
        self.settle()
        self.converge()

    def tell(self, what: object, answer: Answer | None) -> None:
        """Note what came of an act."""
        said = f"{answer.status} {answer.reason}".strip() if answer else "no answer"
        self.told.append(f"    {what}: {said}")

    def begin(self, act: Act) -> None:
        """Let another run take over."""
        self.world.begin(act)
        self.told.append(f"    {act}")

    def forward(self, act: Act) -> None:
        """Do the run's next operation; what failed after the flip is taken back."""
        world = self.world
        operation = ORDER[min(world.step, len(ORDER) - 1)]
        answer = world.send(world.order(operation), act)
        self.tell(f"{operation} ({act})", answer)
        world.wounded |= act.fault is Fault.WATCHDOG_POINT
        if answer and answer.status == "ok":
            world.step += 1
        elif answer and operation in ("activate", "check") and answer.status == "failed":
            self.back(QUIET)

    def back(self, act: Act) -> None:
        """Let the run go back."""
        answer = self.world.send(self.world.order("revert"), act)
        self.tell(f"revert ({act})", answer)

    def again(self, act: Act) -> None:
        """Repeat the last request, as it was."""
        if order := self.world.last:
            confirmed = self.world.confirmed
            answer = self.world.send(order, act)
            if confirmed and answer and answer.status in ("fenced", "locked", "no", "error"):
                self.world.confirmed = confirmed
            self.tell(f"again {order.operation} ({act})", answer)

    def stale(self, act: Act) -> None:
        """Send the last request with a token that is not the newest."""
        order = self.world.last
        newest = self.world.place.token
        if not order or order.operation == "check" or not newest:
            return
        token = newest + 5 if act.kind is K.UNKNOWN or newest == 1 else newest - 1
        confirmed = self.world.confirmed
        with safety.unchanged(self.world, all_records=True):
            answer = self.world.send(replace(order, keys=order.keys | {"token": token}))
        self.world.last, self.world.place.token = order, newest
        self.world.confirmed = confirmed
        self.tell(f"{act.kind} {order.operation}", answer)
        if not answer or answer.status == "ok":
            raise Violation("a stale token is refused", answer)

    def foreign(self, act: Act) -> None:
        """Ask with the nonce of another run."""
        world = self.world
        confirmed = world.confirmed
        asked = set(world.asked)
        for operation in NONCED:
            with safety.unchanged(world, all_records=False):
                answer = world.send(world.order(operation, nonce="foreign"))
            self.tell(f"{act.kind}: {operation}", answer)
        world.confirmed, world.asked = confirmed, asked

    def forged(self, act: Act) -> None:
        """Bring a release that must not be taken."""
        world = self.world
        if act.kind is K.TAMPERED and world.target.id in world.complete():
            return
        bad = forged(world.target) if act.kind is K.TAMPERED else unsigned(world.begun.version)
        payload = bad.payload()
        for operation in ("stage", "activate"):
            order = world.order(operation)
            keys = order.keys | bad.named() | {"bytes": len(payload), "nonce": "forged"}
            sent = payload if operation == "stage" else b""
            answer = world.send(replace(order, keys=keys, payload=sent), act)
            self.tell(f"{act}: {operation}", answer)
            if answer and answer.status == "ok":
                raise Violation("nothing forged is taken", operation)
            world.step = 0

    def wait(self, _act: Act) -> None:
        """Let the deadline of a trial pass."""
        safety.gone_in_time(self.world)
        self.told.append("    the deadline has passed")

    def kill_watchdog(self, _act: Act) -> None:
        """Kill the watchdog."""
        self.world.kill_watchdog()

    def hurt(self, act: Act) -> None:
        """Fill the disk, protect it from writing, or mend it."""
        disk = self.world.disk
        assert disk
        {K.FULL: disk.fill, K.READ_ONLY: disk.protect, K.MENDED: disk.mend}[act.kind]()
        self.world.wounded = True
        self.told.append(f"    {act}")

    def settle(self) -> None:
        """Let what is on trial end, with nobody there."""
        if self.world.disk:
            self.world.disk.mend()
        safety.gone_in_time(self.world)
        self._check()

    def converge(self) -> None:
        """Take the last run up and end it; then apply another release, and prove it."""
        world = self.world
        self._end_last_run()
        other = next(it for it in VERSIONS if world.releases[it].id != world.place.active)
        self.begin(Act(K.BEGIN, version=other))
        for operation in ORDER:
            self._must("applying again converges", world.order(operation))
        with world.place.session() as session:
            found = world.place.probe(session, world.target)
        if (found.proved, found.trial, found.lock) != (True, None, None):
            raise Violation("applying again converges", found)
        running = (world.place.home / "shared/running").read_bytes()
        if running != world.target.files["bin/app"]:
            raise Violation("the service runs what is active", running)
        self._check()
        safety.ledger_agrees(world)
        safety.nothing_is_left(world)

    def _check(self) -> None:
        for holds in (safety.whole, safety.as_recorded, safety.confirmed_stays):
            holds(self.world)

    def _must(self, name: str, order: Order) -> None:
        answer = self.world.send(order)
        self.tell(f"at last {order.operation}", answer)
        if not answer or answer.status != "ok":
            raise Violation(name, answer)

    def _end_last_run(self) -> None:
        world = self.world
        trial, last = world.trial, world.record("last")
        half_way = last.get("outcome") == "stranded" or world.going_back(last.get("nonce", ""))
        if trial or (half_way and last.get("outcome") != "reverted"):
            record = trial or last
            order = world.order("revert", run=record["run"], nonce=record["nonce"], token=0)
        elif last.get("outcome") == "confirmed":
            order = world.order("commit", run=last["run"], nonce=last["nonce"], token=0)
            order = replace(order, keys=order.keys | self._named(last["to"]))
        else:
            return
        self._must("a run can be taken up", order)

    def _named(self, identity: str) -> dict[str, object]:
        return next(it.named() for it in self.world.releases.values() if it.id == identity)


ACTS: Mapping[Kind, Callable[[Player, Act], None]] = {
    K.BEGIN: Player.begin,
    K.FORWARD: Player.forward,
    K.BACK: Player.back,
    K.AGAIN: Player.again,
    K.STALE: Player.stale,
    K.UNKNOWN: Player.stale,
    K.FOREIGN: Player.foreign,
    K.UNSIGNED: Player.forged,
    K.TAMPERED: Player.forged,
    K.WAIT: Player.wait,
    K.WATCHDOG: Player.kill_watchdog,
    K.FULL: Player.hurt,
    K.READ_ONLY: Player.hurt,
    K.MENDED: Player.hurt,
}
