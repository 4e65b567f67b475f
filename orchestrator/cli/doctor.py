"""``fleet doctor``: what is wrong with hosts, and the command that mends it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from rich.console import Console

from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of
from orchestrator.cli.ward import Ward, words_argument
from orchestrator.doctor import Chart, Finding, Level, judge
from orchestrator.doctor.rendering import commands, lines, sheet
from orchestrator.errors import ExitCode, Unreachable


@click.command()
@words_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@connection_flags
@ask_become
def doctor(words: tuple[str, ...], *, as_json: bool, ask_become_pass: bool, **given: Any) -> int:
    """Say what is wrong with hosts, and which command mends it; changes nothing.

    With a PLAN: its hosts, or those that are named. Without one: hosts of the inventory (-i), and
    the packages that they have. HOST is a name, a group or a pattern.

    Exit codes: 0 healthy; 2 problems; 4 only hosts that cannot be reached; 5, 6 as ever.
    """
    ward = Ward.of(words, options_of(given))
    charts = asyncio.run(ward.examine(become_password(ask=ask_become_pass)))
    judged = [(chart, judge(chart)) for chart in charts]
    if as_json:
        click.echo(json.dumps([_document(*pair) for pair in judged], indent=2))
    elif sys.stdout.isatty():
        console = Console(highlight=False, markup=False, emoji=False)
        for chart, findings in judged:
            console.print(sheet(chart.host, findings))
            for line in commands(findings):
                click.echo(line)
    else:
        for line in _plain(judged):
            click.echo(line)
    return max((_code(*pair) for pair in judged), key=_RANK.index, default=ExitCode.OK)


_RANK = (ExitCode.OK, ExitCode.UNREACHABLE, ExitCode.FAILED)
"""Exit codes of hosts; the last one wins."""


def _plain(judged: Sequence[tuple[Chart, Sequence[Finding]]]) -> Iterator[str]:
    for chart, findings in judged:
        yield from lines(chart.host, findings)


def _code(chart: Chart, findings: Sequence[Finding]) -> ExitCode:
    if not chart.is_reached and all(isinstance(way.error, Unreachable) for way in chart.ways):
        return ExitCode.UNREACHABLE
    sick = any(finding.level is Level.PROBLEM for finding in findings)
    return ExitCode.FAILED if sick else ExitCode.OK


def _document(chart: Chart, findings: Sequence[Finding]) -> Mapping[str, object]:
    """Return what ``--json`` tells of one host."""
    return {
        "host": chart.host,
        "healthy": _code(chart, findings) is ExitCode.OK,
        "reached": chart.is_reached,
        "ways": [
            {"address": way.address, "recovery": way.recovery, "broken": way.broken}
            for way in chart.ways
        ],
        "facts": dict(chart.facts),
        "findings": [
            {
                "level": finding.level,
                "area": finding.area,
                "package": finding.package or None,
                "what": finding.what,
                "mend": finding.mend or None,
                "on_console": finding.console,
            }
            for finding in findings
        ],
    }
