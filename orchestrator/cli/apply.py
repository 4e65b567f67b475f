"""``fleet apply`` and ``resume``, and what all commands share that drive a run."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.cli import looking
from orchestrator.cli.consent import agree, approvals, consent_flags, foresee
from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of, warn
from orchestrator.cli.lock import read_lock_of
from orchestrator.cli.screen import Screen, output_flags
from orchestrator.clock import WallClock
from orchestrator.compose import BecomePassword, Ready
from orchestrator.errors import BundleError, Position, Problem, UnknownRun
from orchestrator.home import Home
from orchestrator.host.work import RunIdentity
from orchestrator.journal import Journal, Owner, new_run_id
from orchestrator.model.event import Event, OperatorAsked, Request, RunStarted, Target
from orchestrator.model.lock import Pin
from orchestrator.ports import RunLog
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.verdict import RunState, run_state
from orchestrator.service import wayback
from orchestrator.service.carrying import expect_driven_here
from orchestrator.service.controller import Controller
from orchestrator.service.operator import operator
from orchestrator.service.options import RunOptions
from orchestrator.service.prepare import expect_locked, expect_same

GOING_BACK = frozenset({RunState.ROLLING_BACK, RunState.ROLLED_BACK, RunState.ABORTED})


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@connection_flags
@ask_become
@consent_flags
@click.option("--locked", is_flag=True, help="Exactly the releases that fleet lock wrote down.")
@click.option("-C", "--check", is_flag=True, help="Probe the hosts and change nothing.")
@click.option("-D", "--diff", is_flag=True, help="With --check: the files that would change.")
@output_flags
def apply(plan: Path, *, check: bool, diff: bool, ask_become_pass: bool, **given: Any) -> int:
    """Move the fleet to what PLAN says, wave by wave."""
    screen = Screen.of(given)
    consent = {"yes": given["yes"], "approved": approvals(given["approve"])}
    options = replace(options_of(given), locked=given["locked"], **consent)
    home = Home.find()
    site = compose.read_site(plan, options)
    password = become_password(ask=ask_become_pass)
    lock = read_lock_of(site.plan) if options.locked else None
    ready = compose.make_ready(site, home, options, lock.pins if lock else {})
    warn(ready.prepared)
    try:
        if lock:
            expect_locked(lock, ready.prepared.targets)
        compose.expect_files(ready)
        if check:
            ready = foresee(ready, options, password, screen)
            return looking.look(ready, options, password, screen, diff=diff)
        with home.open_journal() as journal:
            refuse_denied(journal, ready)
            ready, options = agree(ready, options, password, screen)
            return begin(journal, home, ready, options, password, screen)
    finally:
        ready.close()


@click.command()
@click.argument("run")
@ask_become
@output_flags
def resume(run: str, *, ask_become_pass: bool, **given: Any) -> int:
    """Go on with RUN after a pause, a halt, or a controller that died (RUN: id, prefix or last)."""
    return take_up(run, Request.RESUME, Screen.of(given), ask=ask_become_pass)


def begin(
    journal: Journal,
    home: Home,
    ready: Ready,
    options: RunOptions,
    password: BecomePassword,
    screen: Screen,
) -> int:
    """Begin a run, drive it as long as may be, and return its exit code."""
    clock, plan, who = WallClock(), ready.prepared.plan, operator()
    started = RunStarted(
        at=clock.now(),
        run=new_run_id(clock, secrets.token_bytes),
        plan=plan.name,
        plan_source=plan.source,
        plan_digest=plan.digest,
        operator=who,
        nonce=secrets.token_hex(16),
        spec=ready.prepared.spec,
        targets=ready.prepared.targets,
        options=options.to_dict(),
    )
    log = journal.create_run(started, Owner.here())
    return _drive(journal, log, home, ready, options, password, screen, started.run)


def take_up(run: str, request: Request, screen: Screen, *, ask: bool) -> int:
    """Ask something of a run that no one drives, and drive it."""
    home = Home.find()
    with home.open_journal() as journal:
        run = journal.find_run(run)
        expect_driven_here(run)
        started = next(journal.events(run)).event
        if not isinstance(started, RunStarted):
            raise UnknownRun(f"run {run} has no beginning", hint="the journal is damaged")
        options = RunOptions.from_dict(started.options)
        narrow = partial(wayback.narrowed, options=options) if options.back_to else compose.as_it_is
        site = compose.read_site(Path(started.plan_source), options, narrow)
        pinned = {it.package: Pin(it.version, it.manifest) for it in started.targets}
        ready = None
        if request is Request.ROLLBACK or _goes_back(journal, run):
            ready = compose.make_ready_to_go_back(site, home, pinned)
        make = compose.make_ready_for_way_back if options.goes_back else compose.make_ready
        ready = ready or make(site, home, options, pinned)
        try:
            now = ready.prepared.targets
            expect_same(site.plan, started.plan_digest, started.targets, now)
            password = become_password(ask=ask)
            log = journal.take(run, Owner.here())
            asked = OperatorAsked(WallClock().now(), request, operator())
            return _drive(journal, log, home, ready, options, password, screen, run, asked)
        finally:
            ready.close()


def _goes_back(journal: Journal, run: str) -> bool:
    """Return whether the run lays nothing more down, whoever takes it up."""
    return run_state(folded(journal, run)) in GOING_BACK


def folded(journal: Journal, run: str) -> Rollout:
    """Return a run folded from its events."""
    return Rollout.fold(recorded.event for recorded in journal.events(run))


def _drive(
    journal: Journal,
    log: RunLog,
    home: Home,
    ready: Ready,
    options: RunOptions,
    password: BecomePassword,
    screen: Screen,
    run: str,
    *first: Event,
) -> int:
    past = list(journal.events(run))
    rollout = Rollout.fold(recorded.event for recorded in past)
    identity = RunIdentity(run, operator(), rollout.started.nonce)
    sink = screen.sink(rollout)
    screen.begun(rollout)

    async def drive() -> int:
        ssh = compose.connector(ready.prepared.plan, options, password, os.environ)
        shown = sink.output if screen.verbose else None
        engine = compose.driver(ready, ssh, identity, options, shown)
        controller = Controller(
            journal,
            log,
            rollout,
            len(past),
            engine,
            sink,
            WallClock(),
            operator(),
            Owner.here().label,
        )
        return await controller.drive(*first)

    code = asyncio.run(drive())
    if options.back_to:
        _deny_left(journal, ready, rollout, options)
    screen.left(rollout, journal, home, code)
    return code


def _deny_left(journal: Journal, ready: Ready, rollout: Rollout, options: RunOptions) -> None:
    """Put what hosts were taken back from on the denylist, so that no plan brings it again."""
    for release in sorted(wayback.left(rollout)):
        known = ready.depot.manifest(release)
        if known:
            target = Target(known.package, known.version, known.release, known.digest)
            reason = f"taken back to {options.back_to} by {rollout.started.operator}"
            journal.deny(target, rollout.started.run, reason)


def refuse_denied(journal: Journal, ready: Ready) -> None:
    """Raise BundleError for releases that were rolled back and not lifted since."""
    targets = {target.manifest: target for target in ready.prepared.targets}
    denied = journal.denied(list(targets))
    if denied:
        raise BundleError(
            *(
                Problem(
                    Position(ready.prepared.plan.source),
                    f"packages.{item.package}",
                    f"release {item.version} was rolled back by run {item.run}: {item.reason}",
                    f"mend the release, or lift it: fleet denylist lift {item.manifest[:12]}",
                )
                for item in denied
            )
        )
