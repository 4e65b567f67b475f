"""Findings as people see them; hosts' words act on no terminal, and commands are whole."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from orchestrator.doctor import Area, Finding, Level, judge
from orchestrator.doctor.rendering import commands, lines, sheet
from tests.doctor.charts import HEALTHY, HOLD, ill, with_disk

HOSTILE = "x\x1b[2J\n  ok       y"


def test_lines_for_pipes() -> None:
    chart = replace(with_disk(free_kib=100), patients=ill(hold=HOLD).patients)
    shown = list(lines("h1", judge(chart)))
    assert shown[0] == "h1: 1 problem, 1 warning"
    assert "  ok       reach                ops@10.0.0.1:22: the host program answers" in shown
    at = next(n for n, line in enumerate(shown) if line.startswith("  problem  disk "))
    assert shown[at + 1] == "           $ ssh -p 2222 ops@h1 'du -xk / | sort -n | tail -n 20'"
    assert next(lines("h1", judge(HEALTHY))) == "h1: healthy"


def test_a_table_for_terminals_never_breaks_a_command() -> None:
    long = f"ssh h1 '{'x' * 200}'"
    found = [
        Finding(Level.OK, Area.CLOCK, "fine"),
        Finding(Level.WARNING, Area.LOCK, "held", "fleet hosts unlock h1", "app"),
        Finding(Level.PROBLEM, Area.REACH, HOSTILE, long, console=True),
    ]
    out = io.StringIO()
    Console(file=out, width=60, markup=False, highlight=False).print(sheet("h1", found))
    text = out.getvalue()
    assert text.splitlines()[0] == "h1: 1 problem, 1 warning"
    assert [line.split() for line in text.splitlines()[1:]] == [
        ["✓", "clock", "fine"],
        ["!", "lock", "app", "held", "[1]"],
        ["✗", "reach", "x\\x1b[2J", "ok", "y", "[2]"],
    ]
    assert list(commands(found)) == [
        "[1] $ fleet hosts unlock h1",
        f"[2] on its console: {long}",
    ]


def test_hosts_words_in_lines() -> None:
    found = [Finding(Level.WARNING, Area.LOCK, HOSTILE, f"rm {HOSTILE}")]
    shown = list(lines("h1", found))
    assert len(shown) == 3
    assert not any("\x1b" in line or "\n" in line for line in shown)
