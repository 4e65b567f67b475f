"""``fleet apply --check``: probe every host, change nothing, say what would be done and why."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable

from orchestrator import compose
from orchestrator.cli.screen import Screen
from orchestrator.compose import BecomePassword, Ready, Site
from orchestrator.errors import ExitCode
from orchestrator.host.work import RunIdentity
from orchestrator.model.bundle import Manifest
from orchestrator.model.event import Result
from orchestrator.ports import Outcome, ReadEngine
from orchestrator.service import preflight
from orchestrator.service.operator import operator
from orchestrator.service.options import RunOptions
from orchestrator.service.preflight import Looks

CODES = {
    Result.FAILED: ExitCode.FAILED,
    Result.INCONCLUSIVE: ExitCode.FAILED,
    Result.UNREACHABLE: ExitCode.UNREACHABLE,
    Result.LOST: ExitCode.UNREACHABLE,
}


def look(
    ready: Ready, options: RunOptions, password: BecomePassword, screen: Screen, *, diff: bool
) -> int:
    """Look at every host of the plan and print what ``apply`` would do; return the exit code."""
    return show(ready, look_all(ready, options, password), screen, diff=diff)


def survey(site: Site, options: RunOptions, password: BecomePassword) -> Looks:
    """Look at what is active on every host of the plan, whatever its releases are."""
    return asyncio.run(_survey(site, options, password))


def look_all(ready: Ready, options: RunOptions, password: BecomePassword) -> dict[str, Outcome]:
    """Look at every host of the plan, and return what was found."""
    return asyncio.run(_look_all(ready, options, password))


def refuse(found: Iterable[Outcome]) -> bool:
    """Return whether a host that could be reached would refuse."""
    return any(CODES.get(outcome.result) is ExitCode.FAILED for outcome in found)


def show(ready: Ready, found: dict[str, Outcome], screen: Screen, *, diff: bool = False) -> int:
    """Print what was found; return the exit code."""
    for wave in ready.prepared.waves:
        screen.heading(f"wave {wave.name}: {len(wave.hosts)} hosts")
        for host in wave.hosts:
            screen.looked(wave.name, host, found[host])
    if diff:
        for title, lines in differences(ready, found).items():
            screen.difference(title, lines)
    results = Counter(outcome.result for outcome in found.values())
    screen.looked_at_all(results)
    codes = {CODES[result] for result in results if result in CODES}
    return ExitCode.FAILED if ExitCode.FAILED in codes else max(codes, default=ExitCode.OK)


async def _look_all(
    ready: Ready, options: RunOptions, password: BecomePassword
) -> dict[str, Outcome]:
    plan = ready.prepared.plan
    ssh = compose.connector(plan, options, password, os.environ)
    engine: ReadEngine = compose.looker(ready, ssh, RunIdentity("check", operator(), ""))
    places = asyncio.Semaphore(plan.rollout.max_parallel)
    found: dict[str, Outcome] = {}

    async def one(host: str) -> None:
        async with places:
            found[host] = await engine.look(host)

    try:
        async with asyncio.TaskGroup() as tasks:
            for wave in ready.prepared.waves:
                for host in wave.hosts:
                    tasks.create_task(one(host))
    finally:
        await engine.close()
    return found


def differences(ready: Ready, found: dict[str, Outcome]) -> dict[str, list[str]]:
    """Return the files that change, once for each (package, from, to) that some host goes."""
    moves: Counter[tuple[str, str, str]] = Counter()
    for outcome in found.values():
        packages = outcome.facts.get("packages")
        for name, facts in packages.items() if isinstance(packages, dict) else ():
            if facts["from"] != facts["to"]:
                moves[name, facts["from"], facts["to"]] += 1
    return {
        f"{name}: {before or 'nothing'} -> {after} ({hosts} hosts)": _file_changes(
            ready.depot.manifest(before), ready.depot.manifest(after)
        )
        for (name, before, after), hosts in sorted(moves.items())
    }


def _file_changes(before: Manifest | None, after: Manifest | None) -> list[str]:
    old = {entry.path: entry for entry in before.files} if before else {}
    new = {entry.path: entry for entry in after.files} if after else {}
    lines = [f"+ {path}" for path in new.keys() - old.keys()]
    lines += [f"- {path}" for path in old.keys() - new.keys()]
    lines += [f"~ {path}" for path in new.keys() & old.keys() if new[path] != old[path]]
    return sorted(lines, key=lambda line: line[2:])


async def _survey(site: Site, options: RunOptions, password: BecomePassword) -> Looks:
    ssh = compose.connector(site.plan, options, password, os.environ)
    try:
        return await preflight.look_over(site.plan, site.chosen, ssh)
    finally:
        await ssh.close()
