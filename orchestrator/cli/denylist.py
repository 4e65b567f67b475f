"""``fleet denylist``: releases that were rolled back, and are not tried again until lifted."""

from __future__ import annotations

import click

from orchestrator.clock import iso
from orchestrator.errors import ExitCode, UsageError
from orchestrator.home import Home
from orchestrator.service.operator import operator


@click.group()
def denylist() -> None:
    """Show and lift releases that were rolled back."""


@denylist.command("list")
def listed() -> int:
    """List the releases that will not be tried again."""
    with Home.find().open_journal() as journal:
        for item in journal.denied():
            click.echo(
                f"{item.manifest[:12]}  {item.package} {item.version}  "
                f"run {item.run} at {iso(item.at)}: {item.reason}"
            )
    return ExitCode.OK


@denylist.command()
@click.argument("digest")
def lift(digest: str) -> int:
    """Allow the release whose manifest digest begins with DIGEST to be applied again."""
    with Home.find().open_journal() as journal:
        found = [item for item in journal.denied() if item.manifest.startswith(digest)]
        if len(found) != 1:
            what = "no" if not found else "more than one"
            raise UsageError(f"{what} denied release begins with '{digest}'")
        journal.lift(found[0].manifest, operator())
        click.echo(f"lifted: {found[0].package} {found[0].version}")
    return ExitCode.OK
