"""``fleet hosts repair``: damaged files are put back from the plan's bundles, without a run."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of
from orchestrator.cli.lock import read_lock_of
from orchestrator.clock import WallClock
from orchestrator.compose import BecomePassword, Ready
from orchestrator.errors import ExitCode, HostError
from orchestrator.home import Home
from orchestrator.host.work import RunIdentity
from orchestrator.journal.ids import new_run_id
from orchestrator.report.escaping import output_line
from orchestrator.service import repairing
from orchestrator.service.operator import operator
from orchestrator.service.options import RunOptions
from orchestrator.service.prepare import expect_locked
from orchestrator.service.repairing import Repaired
from orchestrator.service.surveying import Found, Place


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--locked", is_flag=True, help="From the releases that fleet lock wrote down.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@connection_flags
@ask_become
def repair(plan: Path, *, locked: bool, as_json: bool, ask_become_pass: bool, **given: Any) -> int:
    """Put back what differs on the hosts of PLAN, without a rollout.

    Where the plan says on_drift: keep, local changes stay; other changed files are overwritten, and
    their bytes kept in backups on the host. Unmanaged files are left alone. Nothing is restarted.
    """
    options = options_of(given)
    site = compose.read_site(plan, options)
    lock = read_lock_of(site.plan) if locked else None
    ready = compose.make_ready(site, Home.find(), options, lock.pins if lock else {})
    try:
        if lock:
            expect_locked(lock, ready.prepared.targets)
        found = asyncio.run(_repair(ready, options, become_password(ask=ask_become_pass)))
    finally:
        ready.close()
    if as_json:
        click.echo(json.dumps([_document(*answer) for answer in found], indent=2))
    else:
        for answer in found:
            click.echo(output_line(_line(*answer)))
    codes = {r.exit_code if isinstance(r, HostError) else ExitCode.OK for _, r in found}
    return ExitCode.FAILED if ExitCode.FAILED in codes else max(codes, default=ExitCode.OK)


async def _repair(ready: Ready, options: RunOptions, password: BecomePassword) -> Found[Repaired]:
    ssh = compose.connector(ready.prepared.plan, options, password, os.environ)
    run = f"repair-{new_run_id(WallClock(), secrets.token_bytes)}"
    identity = RunIdentity(run, operator(), "")
    try:
        return await repairing.repair(ready.prepared, ready.depot, ssh, identity)
    finally:
        await ssh.close()


def _document(place: Place, found: Repaired | HostError) -> Mapping[str, object]:
    named = {"host": place.host, "package": place.package}
    if isinstance(found, HostError):
        return named | {"status": "error", "error": found.message}
    status = "none" if not found.release else "mended" if found.mended else "ok"
    told = {"active": found.release, "mended": found.mended, "backup": found.backup}
    return named | {"status": status, **told, "kept": list(found.kept)}


def _line(place: Place, found: Repaired | HostError) -> str:
    name = f"{place.host}  {place.package}"
    if isinstance(found, HostError):
        hint = f" ({found.hint})" if found.hint else ""
        return f"{name}  {found.message}{hint}"
    if not found.release:
        return f"{name}  nothing active"
    said = f"mended {found.mended}" if found.mended else "ok"
    backup = f", the old bytes are in {found.backup}" if found.backup else ""
    kept = f", kept {', '.join(found.kept)}" if found.kept else ""
    return f"{name}  {found.release}  {said}{backup}{kept}"
