"""What people see of a run: which sink shows it, and what is said before and after."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console, RenderableType
from rich.text import Text

from orchestrator.clock import WallClock
from orchestrator.errors import JournalError
from orchestrator.home import Home
from orchestrator.journal import Journal
from orchestrator.model.event import Result
from orchestrator.ports import Outcome, Sink
from orchestrator.report import advice
from orchestrator.report.chronicle import Chronicle
from orchestrator.report.escaping import printable
from orchestrator.report.figures import size
from orchestrator.report.folding import compact
from orchestrator.report.leftovers import leftovers
from orchestrator.report.recap import recap, totals
from orchestrator.report.render import recap_text, status_view
from orchestrator.report.run_report import run_report
from orchestrator.report.signatures import unverified
from orchestrator.report.status import status
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.verdict import run_state
from orchestrator.sinks import SINKS, Guarded, View, fitting

F = TypeVar("F", bound=Callable[..., Any])

WIDE = 200
"""Columns of a table that goes to a file or a pipe."""

SHOWN = {Result.DONE: "would change", Result.ALREADY: "ok", Result.UNREACHABLE: "unreachable"}


def output_flags(command: F) -> F:
    """Add ``-v`` and ``--output`` to a command."""
    command = click.option("-v", "--verbose", count=True, help="Live output of hooks.")(command)
    choice = click.Choice(["auto", *SINKS])
    kinds = "console and plain are for people, json is one event a line."
    return click.option("--output", type=choice, default="auto", help=kinds)(command)


@dataclass(frozen=True)
class Screen:
    """One command's way of showing things; ``kind`` names a sink."""

    kind: str
    verbose: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Screen:
        """Return what the flags ask for; ``auto`` looks at standard output."""
        kind = str(given["output"])
        if kind == "auto":
            kind = fitting(sys.stdout, os.environ.get("TERM", ""))
        return cls(kind, bool(given["verbose"]))

    @property
    def json(self) -> bool:
        """Return whether programs read this, not people."""
        return self.kind == "json"

    def sink(self, rollout: Rollout) -> Sink:
        """Return what shows the run while it moves; its failure costs one warning."""
        view = View(rollout, sys.stdout, WallClock(), self.verbose)
        return Guarded(SINKS[self.kind](view), lambda text: click.echo(text, err=True))

    def begun(self, rollout: Rollout) -> None:
        """Say what is about to happen."""
        started = rollout.started
        what = ", ".join(f"{t.package} {t.version}" for t in started.targets)
        waves = len(rollout.waves)
        hosts = len(rollout.hosts)
        self._say(f"run {started.run}: {what} to {hosts} hosts in {waves} waves")

    def left(self, rollout: Rollout, journal: Journal, home: Home, code: int) -> None:
        """Show the recap, and say where report and journal lie and what to do next."""
        run = rollout.started.run
        report = _write_report(home, journal, run)
        if self.json:
            state = run_state(rollout)
            document = {"kind": "run_left", "run": run, "state": state, "exit": code}
            click.echo(json.dumps({**document, "report": str(report)}))
            return
        self._show(Text("\nRECAP", "bold"))
        self._show(recap_text(recap(rollout, verbose=self.verbose)))
        self._say(f"\n{totals(rollout)}")
        self._say(advice.verdict(rollout))
        for words, hosts in unverified(rollout.hosts.values()).items():
            self._say(f"signatures: {compact(hosts)}: {words}")
        for words, hosts in leftovers(rollout.hosts.values()).items():
            self._say(f"cleanup failed: {compact(hosts)}: {words}")
        self._say(f"report:  {report}\njournal: {home.journal}")
        for step in advice.next_steps(rollout):
            self._say(f"next: {step}")

    def standing(self, rollout: Rollout) -> None:
        """Show where a run stands."""
        if self.json:
            click.echo(json.dumps(_standing(rollout)))
        else:
            self._show(status_view(status(rollout)))

    def looked(self, wave: str, host: str, outcome: Outcome) -> None:
        """Show what ``--check`` found on one host."""
        word = SHOWN.get(outcome.result, "failed")
        if self.json:
            found = {"reason": outcome.reason, "facts": outcome.facts}
            click.echo(json.dumps({"kind": "host_looked_at", "wave": wave, "host": host, **found}))
            return
        self._say(f"{host} : {word}{_why(outcome)}")
        if outcome.output and outcome.result is not Result.ALREADY:
            self._say("\n".join(f"    | {printable(line)}" for line in outcome.output.splitlines()))

    def difference(self, title: str, lines: list[str]) -> None:
        """Show the files that a move changes."""
        self._say("\n".join([title, *(f"  {printable(line)}" for line in lines)]))

    def heading(self, text: str) -> None:
        """Show a line that begins a part."""
        self._say(text)

    def looked_at_all(self, results: Counter[Result]) -> None:
        """Show how many hosts would be changed."""
        parts = [f"{n} {SHOWN.get(result, 'failed')}" for result, n in results.items()]
        self._say(f"{sum(results.values())} hosts: {', '.join(parts)}; nothing was changed")

    def _say(self, text: str) -> None:
        click.echo(text, err=self.json)

    def _show(self, what: RenderableType) -> None:
        page().print(what)


def page() -> Console:
    """Return where tables go; wide enough to keep lines whole where nobody looks at a screen."""
    width = None if sys.stdout.isatty() else WIDE
    return Console(file=sys.stdout, soft_wrap=True, highlight=False, width=width)


def _why(outcome: Outcome) -> str:
    packages = outcome.facts.get("packages")
    if outcome.result is not Result.DONE or not isinstance(packages, dict):
        return f": {printable(outcome.reason)}" if outcome.reason else ""
    moves = [
        f"{name} {facts['from'] or 'nothing'} -> {facts['to']} "
        f"({facts['why']}, {size(facts['bytes'])})"
        for name, facts in packages.items()
    ]
    return f": {printable('; '.join(moves))}"


def _standing(rollout: Rollout) -> dict[str, object]:
    waves = [
        {
            "wave": record.wave.name,
            "state": record.state,
            "reason": record.reason,
            "hosts": {state: n for state, n in record.counts.items() if n},
        }
        for record in rollout.waves
    ]
    hosts = {name: host.state for name, host in rollout.hosts.items()}
    return {"run": rollout.started.run, "state": run_state(rollout), "waves": waves, "hosts": hosts}


def _write_report(home: Home, journal: Journal, run: str) -> Path:
    path = home.reports / f"{run}.md"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = Chronicle.fold(recorded.event for recorded in journal.events(run))
        path.write_text(run_report(told), "utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise JournalError(f"cannot write the report {path}: {reason}") from None
    return path
