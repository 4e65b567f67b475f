"""What is installed, and what could come, as people and programs read it."""

from __future__ import annotations

import io
import json

from rich.console import Console

from orchestrator.model.bundle import Urgency
from orchestrator.model.plan import Origin, Package
from orchestrator.planning.outlook import Candidate, outlook
from orchestrator.report.outdated import NOTES, Row, outdated_view

PACKAGE = Package("gateway", "all", Origin("x"), version="^2.4")
CRITICAL = Candidate("2.6.0", Urgency.CRITICAL, "CVE-2026-1: \x1b[2Jrequests\nmore")


def shown(*rows: Row, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(outdated_view(rows))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def row(*offered: Candidate, silent: tuple[str, ...] = (), locked: str = "") -> Row:
    hosts = {"": ["h003"], "2.4.1": ["h001", "h002"]}
    return Row(outlook(PACKAGE, hosts, offered), hosts, silent, locked)


def test_everything_at_a_glance() -> None:
    offered = [Candidate(it) for it in ("2.4.1", "3.0.0")]
    assert shown(row(*offered, CRITICAL, silent=("h009",), locked="2.4.1")) == [
        "package  installed                    by itself  in range  newest",
        "gateway  nothing: h003                2.6.0      2.6.0     3.0.0",
        "         2.4.1: h001, h002 (2 hosts)",
        "         locked 2.4.1",
        "         could not be asked: h009",
        "",
        "gateway 2.6.0: minor change, goes by itself, critical; CVE-2026-1: \\x1b[2Jrequests",
        "gateway 3.0.0: major change, is not what the plan asks for",
        "",
    ]


def test_nothing_new() -> None:
    hosts = {"2.4.1": ["h001"]}
    found = outlook(PACKAGE, hosts, [Candidate("2.4.1")])
    assert shown(Row(found, hosts))[1:] == ["gateway  2.4.1: h001  2.4.1      2.4.1     2.4.1"]


def test_nothing_in_the_range() -> None:
    assert shown(row(Candidate("1.0.0")))[1].split()[-3:] == ["-", "-", "1.0.0"]


def test_long_notes_are_cut() -> None:
    told = shown(row(Candidate("2.4.2", notes="x" * 500)), width=200)
    assert told[-2] == f"gateway 2.4.2: patch change, goes by itself; {'x' * (NOTES - 1)}…"


def test_a_document_has_it_all() -> None:
    document = json.loads(json.dumps(row(CRITICAL, locked="2.4.1").document))
    assert document["auto"] == {
        "version": "2.6.0",
        "urgency": "critical",
        "notes": CRITICAL.notes,
        "change": "minor",
        "consent": "auto",
    }
    assert (document["wanted"], document["locked"]) == ("^2.4", "2.4.1")
    assert document["unreachable"] == []
