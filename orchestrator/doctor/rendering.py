"""Findings as people read them: a table for a terminal, and plain lines. Hosts' words are hostile.

Commands are never cut nor wrapped: they are there to be pasted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from orchestrator.doctor.chart import Finding, Level
from orchestrator.report.escaping import printable, visible

MARKS: Mapping[Level, tuple[str, str]] = {
    Level.OK: ("✓", "green"),
    Level.WARNING: ("!", "yellow"),
    Level.PROBLEM: ("✗", "bold red"),
}

_CONSOLE = "on its console: "


def lines(host: str, findings: Sequence[Finding]) -> Iterator[str]:
    """Return a host's findings as lines: level, area, what; and below, the command."""
    yield f"{host}: {_summary(findings)}"
    for it in findings:
        area = f"{it.area} {it.package}" if it.package else it.area
        yield f"  {it.level:<8} {area:<20} {printable(it.what)}"
        if it.mend:
            yield f"           {_command(it)}"


def sheet(host: str, findings: Sequence[Finding]) -> RenderableType:
    """Return a host's findings as a table; numbers stand for the ``commands``."""
    title = Text.assemble((printable(host), "bold"), f": {_summary(findings)}")
    table = Table(Column(width=1), Column(no_wrap=True), Column(), Column(), box=None)
    table.show_header = False
    numbers = count(1)
    for it in findings:
        mark, style = MARKS[it.level]
        number = f" [{next(numbers)}]" if it.mend else ""
        what = Text.assemble(printable(it.what), (number, "cyan"))
        table.add_row(Text(mark, style), Text(it.area), Text(it.package, "dim"), what)
    return Group(title, table)


def commands(findings: Sequence[Finding]) -> Iterator[str]:
    """Return the commands that mend, numbered as in the table: no terminal may break them."""
    mended = (finding for finding in findings if finding.mend)
    return (f"[{number}] {_command(it)}" for number, it in enumerate(mended, 1))


def _command(finding: Finding) -> str:
    return f"{_CONSOLE if finding.console else '$ '}{visible(finding.mend)}"


def _summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(it.level is level for it in findings) for level in Level}
    words = [
        f"{counts[level]} {level}{'s' if counts[level] > 1 else ''}"
        for level in (Level.PROBLEM, Level.WARNING)
        if counts[level]
    ]
    return ", ".join(words) or "healthy"
