"""``fleet media``: releases carried to hosts that have no network, and what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.bundles import rules
from orchestrator.checks import build_check
from orchestrator.cli.flags import plan_flags, plan_options
from orchestrator.clock import WallClock
from orchestrator.compose import Ready
from orchestrator.errors import ExitCode
from orchestrator.home import Home
from orchestrator.media import Cargo, Medium, expect_place, lay_down, master, stories, told
from orchestrator.media.medium import built_at
from orchestrator.report.escaping import printable
from orchestrator.rollout.verdict import exit_code
from orchestrator.service.carrying import Carried, Packing, carry_in, pack, worst
from orchestrator.service.operator import operator
from orchestrator.service.options import RunOptions
from orchestrator.triggers import build_trigger

PATH = click.Path(path_type=Path)


@click.group()
def media() -> None:
    """Carry releases to hosts without a network, and their results back."""


@media.command()
@click.argument("plan", type=PATH)
@click.option("--hosts", help="Only these hosts of the plan (a pattern, or @file).")
@click.option("-i", "--inventory", multiple=True, help="Inventory file, folder or host list.")
@click.option("-o", "--output", type=PATH, required=True, help="Folder to make; it must be empty.")
@click.option("--iso", type=PATH, help="Write the same as an ISO image, too.")
@plan_flags
def build(
    plan: Path,
    *,
    hosts: str | None,
    inventory: tuple[str, ...],
    output: Path,
    iso: Path | None,
    **given: Any,
) -> int:
    """Make a medium for the hosts of PLAN: releases, the host program, and a script for each host.

    On a host: sh install.sh. Its files hold what hooks and environment hold, secrets as well.
    """
    if iso:
        expect_place(iso, output)
    options = replace(plan_options(given), limit=hosts, inventory=inventory)
    home = Home.find()
    ready = compose.make_ready(compose.read_site(plan, options), home, options)
    try:
        compose.expect_files(ready)
        cargo = asyncio.run(_packed(ready, home, options))
        # First of all: whatever fails then, the results of what was written can be imported.
        cargo.medium.keep(home.media)
        sums = lay_down(cargo, output)
    finally:
        ready.close()
    if iso:
        master(output, iso, cargo.medium.built)
    click.echo(f"medium {cargo.medium.id}: {len(cargo.kits)} hosts, {len(cargo.payloads)} releases")
    click.echo(f"in {output}{f', and as an image in {iso}' if iso else ''}")
    click.echo(f"sha256 of its SHA256SUMS: {sums}")
    return ExitCode.OK


async def _packed(ready: Ready, home: Home, options: RunOptions) -> Cargo:
    prepared = ready.prepared
    trust = compose.trust_path(prepared.plan, home, options)
    packing = Packing(
        build_check=build_check,
        policy=prepared.policy,
        build_trigger=build_trigger,
        operator=operator(),
        signers=trust.read_text("utf-8"),
        built=built_at([rules.seconds(work.manifest.created) for work in prepared.works]),
        options=options.to_dict(),
    )
    return await pack(prepared, ready.depot, packing)


@media.command("import")
@click.argument("results", type=click.Path(exists=True, path_type=Path))
def import_(results: Path) -> int:
    """Take what hosts wrote down into the journal: RESULTS is a medium, a folder, or one file.

    The exit code is that of each host's newest run, by its last event; of several, the worst.
    """
    home = Home.find()
    found = stories(results, WallClock().now())
    runs = [told(Medium.find(home.media, story.medium), story) for story in found]
    with home.open_journal() as journal:
        carried = [asyncio.run(carry_in(journal, run)) for run in runs]
    carried.sort(key=attrgetter("newness"))
    for run in carried:
        _print(run)
    return worst({run.host.name: exit_code(run.rollout) for run in carried}.values())


def _print(run: Carried) -> None:
    host = run.host
    reason = f": {printable(host.reason)}" if host.reason else ""
    news = f"{run.new} events" if run.new else "nothing new"
    click.echo(f"{host.name}  {host.state}{reason}  (run {run.rollout.started.run}, {news})")
