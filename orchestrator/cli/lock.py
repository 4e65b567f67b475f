"""``fleet lock``: writing down the very releases that a plan means today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.bundles.obtaining import Obtained, obtain
from orchestrator.cli.flags import plan_flags, plan_options
from orchestrator.errors import ExitCode, PlanError
from orchestrator.home import Home
from orchestrator.model.lock import Lock, Locked, Pin
from orchestrator.model.plan import Plan
from orchestrator.planfile import lock_path, misfits, read_lock, write_lock


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@plan_flags
def lock(plan: Path, **given: Any) -> int:
    """Write the releases that PLAN means now into its lock, for apply --locked.

    The lock lies beside the plan: gateway.lock.yml for gateway.yml. Every bundle is fetched and
    verified; no host is asked.
    """
    options, home = plan_options(given), Home.find()
    meant = compose.read_plan(plan, options)
    got = obtain(meant, home.root, compose.read_trust(meant, home, options), {})
    path = lock_path(plan)
    new = Lock(str(path), tuple(map(_locked, got)))
    old = _pins(path)
    write_lock(path, new)
    for it in new.packages:
        mark = "  (was locked already)" if old.get(it.name) == new.pins[it.name] else ""
        click.echo(f"{it.name} {it.version} revision {it.revision}, {it.digest[:12]}{mark}")
    click.echo(f"wrote {path}; use it: fleet apply {plan} --locked")
    return ExitCode.OK


def read_lock_of(plan: Plan) -> Lock:
    """Return the lock of a plan; raises PlanError when there is none, or it does not fit."""
    path = lock_path(Path(plan.source))
    if not path.exists():
        mend = f"write it: fleet lock {plan.source}"
        raise PlanError.at(str(path), "the plan has no lock", mend)
    found = read_lock(path)
    if problems := misfits(plan, found):
        raise PlanError(*problems)
    return found


def _locked(got: Obtained) -> Locked:
    manifest = got.bundle.manifest
    return Locked(
        got.package.name,
        manifest.version,
        manifest.revision,
        manifest.digest,
        got.package.bundle,
    )


def _pins(path: Path) -> dict[str, Pin]:
    """Return what the lock had until now; a broken one is simply replaced."""
    try:
        return read_lock(path).pins
    except PlanError:
        return {}
