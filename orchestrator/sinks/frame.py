"""The live picture of a run: a line for each wave near the present one, and what is under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from orchestrator.model.event import Action
from orchestrator.report.escaping import printable
from orchestrator.report.figures import span
from orchestrator.report.render import WAVE_STYLES, counts_text
from orchestrator.report.status import WaveStatus, wave_status
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import WaveRecord
from orchestrator.rollout.states import WaveState
from orchestrator.rollout.verdict import run_state

BEFORE, AFTER = 3, 5
"""Waves shown before and after the present one; the others are only counted."""

BAR = 20


def frame(rollout: Rollout, under_way: Counter[Action], now: float) -> RenderableType:
    """Return the picture at ``now``; its cost grows with the waves, not with the hosts."""
    present = min(rollout.board.current, len(rollout.waves) - 1)
    first, last = max(0, present - BEFORE), present + 1 + AFTER
    parts: list[RenderableType] = [_head(rollout, now)]
    parts += _others(rollout.waves[:first], "before")
    parts.append(_waves(rollout, rollout.waves[first:last], now))
    parts += _others(rollout.waves[last:], "to come")
    parts.append(_foot(rollout, under_way))
    return Group(*parts)


def _head(rollout: Rollout, now: float) -> Text:
    started = rollout.started
    return Text.assemble(
        (printable(started.plan), "bold"),
        f"  run {printable(started.run)}  {run_state(rollout)}  ",
        (span(now - started.at), "dim"),
    )


def _others(waves: Sequence[WaveRecord], where: str) -> list[RenderableType]:
    if not waves:
        return []
    hosts = sum(record.size for record in waves)
    return [Text(f"  … {len(waves)} waves {where}, {hosts} hosts", "dim")]


def _waves(rollout: Rollout, waves: Sequence[WaveRecord], now: float) -> Table:
    table = Table.grid(
        Column(no_wrap=True, max_width=24, overflow="ellipsis"),
        Column(no_wrap=True),
        Column(width=BAR),
        Column(justify="right", no_wrap=True),
        Column(ratio=1),
        padding=(0, 1),
        expand=True,
    )
    for record in waves:
        wave = wave_status(record)
        bar = ProgressBar(total=max(1, wave.size), completed=wave.done, width=BAR)
        done = f"{wave.done}/{wave.size}"
        state = Text(_state(record, now), WAVE_STYLES.get(wave.state, "dim"))
        table.add_row(Text(printable(wave.name)), state, bar, done, _details(rollout, wave))
    return table


def _state(record: WaveRecord, now: float) -> str:
    if record.state is WaveState.BAKING and now < record.bake_until:
        return f"baking {span(record.bake_until - now)}"
    return record.state.value


def _details(rollout: Rollout, wave: WaveStatus) -> Text:
    if wave.state is WaveState.QUEUED:
        return Text()
    spec = rollout.started.spec
    text = counts_text(wave.counts)
    if wave.out:
        text.append(f"  unavailable {wave.out}", "yellow")
    if wave.failures:
        text.append(f"  failures {wave.failures} (max {spec.max_failures.limit})", "red")
    if wave.unreachable:
        limit = spec.max_unreachable.limit
        text.append(f"  unreachable {wave.unreachable} (max {limit})", "magenta")
    return text


def _foot(rollout: Rollout, under_way: Counter[Action]) -> Text:
    actions = ", ".join(f"{under_way[action]} {action}" for action in Action if under_way[action])
    text = Text(f"under way: {actions or 'nothing'}", "dim")
    if out := sum(rollout.board.out_of_service.values()):
        text.append(f"  out of service: {out}")
    return text
