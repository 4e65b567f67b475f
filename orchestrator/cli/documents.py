"""``fleet lint`` and ``fleet schema``: checking plans before they are applied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.cli.flags import connection_flags, options_of, warn
from orchestrator.errors import ExitCode, InputError, Problem
from orchestrator.home import Home
from orchestrator.planfile import json_schema, reference
from orchestrator.service.options import RunOptions


@click.command()
@click.argument("plans", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--alone", is_flag=True, help="Check the plans only, not what they refer to.")
@connection_flags
def lint(plans: tuple[Path, ...], *, alone: bool, **given: Any) -> int:
    """Report everything that is wrong with PLANS, their inventories and bundles, at once."""
    options = options_of(given)
    problems: list[Problem] = []
    for path in plans:
        try:
            plan = compose.read_plan(path, options)
            if not alone:
                _lint_all(path, options)
        except InputError as error:
            problems.extend(error.problems)
        else:
            click.echo(f"{path}: ok ({plan.name})")
    if problems:
        raise InputError(*problems)
    return ExitCode.OK


def _lint_all(path: Path, options: RunOptions) -> None:
    ready = compose.make_ready(compose.read_site(path, options), Home.find(), options)
    try:
        warn(ready.prepared)
        compose.expect_files(ready)
    finally:
        ready.close()


@click.command()
@click.option("--reference", "as_reference", is_flag=True, help="Annotated Markdown instead.")
def schema(*, as_reference: bool) -> int:
    """Print the JSON Schema of plans, for editors."""
    if as_reference:
        click.echo(reference(compose.KINDS), nl=False)
    else:
        click.echo(json.dumps(json_schema(compose.KINDS), indent=2, ensure_ascii=False))
    return ExitCode.OK
