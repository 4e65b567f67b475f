"""Before a run begins: every need of its releases is met, and someone agrees to its changes."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import click

from orchestrator import compose
from orchestrator.cli.screen import Screen
from orchestrator.compose import BecomePassword, Ready
from orchestrator.errors import HostError, NotAgreed, PlanError, UsageError
from orchestrator.model.consent import Consent
from orchestrator.planning.policy import Demand, Given
from orchestrator.registry import near_miss
from orchestrator.report.escaping import printable
from orchestrator.report.folding import compact
from orchestrator.service import preflight
from orchestrator.service.operator import operator
from orchestrator.service.options import RunOptions
from orchestrator.service.preflight import Looks

F = TypeVar("F", bound=Callable[..., Any])

NOTES = 10
"""Lines of a release's notes that are shown to whoever is asked."""

WORDS = {Consent.ASK: "needs a yes", Consent.APPROVE: "needs the approval of just this version"}


def consent_flags(command: F) -> F:
    """Add ``--yes`` and ``--approve`` to a command."""
    command = click.option(
        "--approve",
        multiple=True,
        metavar="PACKAGE=VERSION",
        help="Agree to a change to just this version, however large.",
    )(command)
    return click.option("--yes", is_flag=True, help="Agree to changes whose policy is ask.")(
        command
    )


def approvals(words: Iterable[str]) -> dict[str, str]:
    """Return the versions by package in ``--approve`` flags; raises UsageError."""
    pairs = [word.partition("=") for word in words]
    for package, equals, version in pairs:
        if not (package and equals and version):
            hint = "write --approve gateway=3.0.0"
            raise UsageError(f"--approve {package}{equals}: no PACKAGE=VERSION", hint=hint)
    return {package: version for package, _, version in pairs}


def agree(
    ready: Ready, options: RunOptions, password: BecomePassword, screen: Screen
) -> tuple[Ready, RunOptions]:
    """Look at all hosts if need be; return what the run is to begin with.

    Raises PlanError with all that hosts miss, and NotAgreed when a change waits for someone's
    consent.
    """
    asked = _asked(ready, options, password)
    options = _settle(asked, options, asking=at_terminal() and not screen.json)
    return replace(ready, prepared=ready.prepared.agreed(options.given)), options


def foresee(ready: Ready, options: RunOptions, password: BecomePassword, screen: Screen) -> Ready:
    """Return what a run could begin with, and tell what would have to be agreed to.

    Raises PlanError with all that hosts miss.
    """
    for it in _asked(ready, options, password):
        screen.heading(_told(it))
    agreed = Given(yes=True, approved={it.package: it.version for it in ready.prepared.targets})
    return replace(ready, prepared=ready.prepared.agreed(agreed))


def agree_to_go_back(moves: Iterable[str], screen: Screen, *, yes: bool) -> None:
    """Raise NotAgreed unless someone says yes to these moves of hosts, by flag or at a terminal."""
    told = [f"{move} on {hosts} hosts" for move, hosts in Counter(moves).items()]
    if yes or not told:
        return
    if screen.json or not at_terminal():
        raise NotAgreed("; ".join(told), hint="nothing was changed; to agree, add --yes")
    click.confirm("\n".join([*told, "Go back?"]), abort=True, err=True)


def _asked(ready: Ready, options: RunOptions, password: BecomePassword) -> list[Demand]:
    """Return the changes that do not go by themselves."""
    prepared = ready.prepared
    _expect(ready, options.approved)
    if not preflight.is_needed(prepared):
        return []
    looks = asyncio.run(_look(ready, options, password))
    _tell_silent(looks)
    if problems := preflight.missing(prepared, looks, ready.depot):
        raise PlanError(*problems)
    return [it for it in preflight.demands(prepared, looks) if it.consent is not Consent.AUTO]


def _expect(ready: Ready, approved: Mapping[str, str]) -> None:
    versions = {work.name: work.manifest.version for work in ready.prepared.works}
    for package, version in approved.items():
        if package not in versions:
            hint = near_miss(package, versions) or f"packages are: {', '.join(versions)}"
            raise UsageError(f"--approve {package}: the plan has no such package", hint=hint)
        if version != versions[package]:
            found = versions[package]
            raise UsageError(
                f"--approve {package}={version}: what would be applied is {found}",
                hint=f"look at its notes, then: --approve {package}={found}",
            )


async def _look(ready: Ready, options: RunOptions, password: BecomePassword) -> Looks:
    ssh = compose.connector(ready.prepared.plan, options, password, os.environ)
    try:
        return await preflight.look_before(ready.prepared, ssh)
    finally:
        await ssh.close()


def _tell_silent(looks: Looks) -> None:
    silent = [name for name, look in looks.items() if isinstance(look, HostError)]
    if silent:
        text = f"could not be looked at: {compact(silent)}; the run will judge when it gets there"
        click.echo(f"fleet: warning: {text}", err=True)


def _settle(asked: Sequence[Demand], options: RunOptions, *, asking: bool) -> RunOptions:
    approved, how = dict(options.approved), {}
    given = options.given
    asking &= all(it.consent is Consent.ASK or given.covers(it) for it in asked)
    for it in asked:
        if given.covers(it):
            named = given.names(it)
            how[it.package] = f"--approve {it.package}={it.version}" if named else "--yes"
        elif asking and _confirmed(it):
            approved[it.package] = it.version
            how[it.package] = "a yes at the terminal"
    waiting = [it for it in asked if it.package not in how]
    if waiting:
        raise _not_agreed(waiting)
    agreed = {it.package: f"{it}: {how[it.package]} of {operator()}" for it in asked}
    return replace(options, approved=approved, agreed=agreed)


def _confirmed(asked: Demand) -> bool:
    ending = "\n" if asked.notes else " "
    return click.confirm(f"{asked.package}: {asked}.{_notes(asked)}{ending}Apply it?", err=True)


def _not_agreed(waiting: Sequence[Demand]) -> NotAgreed:
    lines = [_told(it) for it in waiting]
    flags = ["--yes"] if any(it.consent is Consent.ASK for it in waiting) else []
    for it in waiting:
        if it.consent is Consent.APPROVE:
            flags += ["--approve", f"{it.package}={it.version}"]
    words = click.get_current_context().find_root().obj or ()
    command = shlex.join(["fleet", *words, *flags])
    return NotAgreed("\n".join(lines), hint=f"nothing was changed; to agree: {command}")


def _told(asked: Demand) -> str:
    return f"{asked.package}: {asked}, which {WORDS[asked.consent]}{_notes(asked)}"


def _notes(asked: Demand) -> str:
    """Return what the release's maker says of it, on lines of their own."""
    lines = [f"\n    | {printable(line)}" for line in asked.notes.splitlines()]
    more = [f"\n    | and {len(lines) - NOTES} lines more"] if len(lines) > NOTES else []
    return "".join([*lines[:NOTES], *more])


def at_terminal() -> bool:
    """Return whether a person sits there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
