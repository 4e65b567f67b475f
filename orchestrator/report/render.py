"""Values of this room as rich renderables. Everything is ``Text``: no markup is ever read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from orchestrator.clock import iso
from orchestrator.report.escaping import printable
from orchestrator.report.folding import compact
from orchestrator.report.recap import Recap, labelled, row_text
from orchestrator.report.status import HistoryRow, RunStatus, WaveStatus
from orchestrator.report.troubles import Trouble
from orchestrator.rollout.explain import Hold
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W

WAVE_STYLES: Mapping[W, str] = {
    W.OPEN: "bold cyan",
    W.BAKING: "cyan",
    W.PASSED: "green",
    W.HALTED: "bold red",
    W.ROLLING_BACK: "bold yellow",
    W.ROLLED_BACK: "yellow",
    W.STRANDED: "bold red",
}

HOST_STYLES: Mapping[H, str] = {
    H.CONFIRMED: "green",
    H.COMMITTED: "green",
    H.SKIPPED: "green",
    H.FAILED: "red",
    H.STRANDED: "bold red",
    H.REGRESSED: "red",
    H.IN_DOUBT: "yellow",
    H.REVERTING: "yellow",
    H.REVERTED: "yellow",
    H.DEFERRED: "magenta",
}


def counts_text(counts: Mapping[H, int]) -> Text:
    """Return ``8 confirmed, 1 failed``, each in its colour."""
    parts = (Text(f"{n} {state}", HOST_STYLES.get(state, "")) for state, n in counts.items())
    return Text(", ").join(parts)


def trouble_text(trouble: Trouble, hosts: Sequence[str]) -> Text:
    """Return hosts with their reason, and below it the last lines of output."""
    text = Text.assemble(
        (compact(hosts), "bold"), ": ", (trouble.state.value, HOST_STYLES.get(trouble.state, ""))
    )
    if trouble.reason:
        text.append(f": {trouble.reason}")
    for line in trouble.output:
        text.append(f"\n    | {line}", "dim")
    return text


def recap_text(rows: Recap) -> Text:
    """Return the recap in colour."""
    lines = (
        Text.assemble(
            (label, "" if row.fine else HOST_STYLES.get(row.state, "")), f" : {row_text(row)}"
        )
        for label, row in labelled(rows)
    )
    return Text("\n").join(lines)


def status_view(shown: RunStatus) -> RenderableType:
    """Return a run as it stands."""
    head = Text.assemble(
        ("run ", "dim"), (printable(shown.run), "bold"),
        ("  plan ", "dim"), printable(shown.plan),
        ("  by ", "dim"), printable(shown.operator),
        ("  since ", "dim"), iso(shown.started_at),
    )  # fmt: skip
    parts: list[RenderableType] = [head, Text(printable(", ".join(shown.targets)))]
    parts += [Text(shown.verdict, "bold"), Text(), waves_table(shown.waves)]
    parts += [trouble_text(trouble, hosts) for trouble, hosts in shown.troubles.items()]
    parts += [holds_text(shown.holds)] if shown.holds else []
    parts += [Text(f"next: {printable(step)}", "dim") for step in shown.next_steps]
    return Group(*parts)


def waves_table(waves: Iterable[WaveStatus]) -> Table:
    """Return a line for each wave."""
    table = Table("wave", "state", "done", "hosts", "failed", "unreachable", box=None)
    for wave in waves:
        reason = f": {printable(wave.reason)}" if wave.reason else ""
        table.add_row(
            Text(printable(wave.name)),
            Text(f"{wave.state}{reason}", WAVE_STYLES.get(wave.state, "")),
            f"{wave.done}/{wave.size}",
            counts_text(wave.counts),
            str(wave.failures),
            str(wave.unreachable),
        )
    return table


def holds_text(holds: Iterable[Hold]) -> Text:
    """Return what something waits for, a line for each reason."""
    return Text("\n").join(
        Text.assemble(
            (f"waits for {printable(hold.gate)}", "yellow"),
            f": {printable(hold.held_by)}; since {iso(hold.since)}",
            "" if hold.until is None else f", until {iso(hold.until)}",
        )
        for hold in holds
    )


def history_table(rows: Iterable[HistoryRow]) -> Table:
    """Return a line for each run."""
    run, began = Column("run", no_wrap=True), Column("began", no_wrap=True)
    table = Table(run, "plan", "operator", began, "exit", "outcome", box=None)
    for row in rows:
        table.add_row(
            Text(printable(row.run)),
            Text(printable(row.plan)),
            Text(printable(row.operator)),
            iso(row.started_at),
            "-" if row.verdict is None else str(row.verdict),
            Text(printable(row.outcome)),
        )
    return table
