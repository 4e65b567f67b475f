"""The report of a run, in Markdown: what was wanted, what happened, what to do next.

Every word that a host, an operator or an inventory chose is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from orchestrator.clock import iso
from orchestrator.report.advice import next_steps, verdict
from orchestrator.report.chronicle import Chronicle
from orchestrator.report.escaping import fenced, markdown
from orchestrator.report.figures import size, span
from orchestrator.report.folding import compact
from orchestrator.report.leftovers import leftovers
from orchestrator.report.recap import totals
from orchestrator.report.signatures import unverified
from orchestrator.report.troubles import troubles
from orchestrator.rollout.records import WaveRecord
from orchestrator.rollout.states import PROVEN

GROUPS = 50
"""Groups of troubled hosts that are told in full; the rest is only counted."""

SPANS = 20
"""Names and spans of hosts in the heading of a group."""


def run_report(told: Chronicle) -> str:
    """Return the report as Markdown text."""
    return "\n".join(line for part in _PARTS for line in part(told)) + "\n"


def _header(told: Chronicle) -> Iterator[str]:
    started, rollout = told.rollout.started, told.rollout
    yield f"# Run {markdown(started.run)}"
    yield ""
    yield f"**{verdict(rollout)}.** {totals(rollout)}."
    yield ""
    yield from _table(
        ("", ""),
        (
            ("plan", f"{markdown(started.plan)} ({markdown(started.plan_source)})"),
            ("plan digest", markdown(started.plan_digest)),
            ("operator", markdown(started.operator)),
            ("began", iso(started.at)),
            ("last event", f"{iso(told.ended)}, after {span(told.ended - started.at)}"),
            ("sent to hosts", size(told.sent)),
        ),
    )


def _targets(told: Chronicle) -> Iterator[str]:
    yield from _heading("Targets")
    yield from _table(
        ("package", "version", "release", "manifest sha256"),
        (
            tuple(map(markdown, (target.package, target.version, target.release, target.manifest)))
            for target in told.rollout.started.targets
        ),
    )
    agreed = told.rollout.started.options.get("agreed")
    if isinstance(agreed, dict) and agreed:
        yield ""
        yield from (f"- {markdown(f'{name}: {text}')}" for name, text in sorted(agreed.items()))


def _waves(told: Chronicle) -> Iterator[str]:
    yield from _heading("Waves")
    yield from _table(
        ("wave", "hosts", "opened", "bake", "outcome", "since", "proved", "failed", "unreachable"),
        (_wave_row(told, record) for record in told.rollout.waves),
    )


def _wave_row(told: Chronicle, record: WaveRecord) -> tuple[str, ...]:
    name = record.wave.name
    opened = told.opened.get(name)
    reason = f": {markdown(record.reason)}" if record.reason else ""
    return (
        markdown(name),
        str(record.size),
        "-" if opened is None else iso(opened),
        span(record.wave.bake) if record.wave.bake else "none",
        f"{record.state}{reason}",
        iso(record.since),
        str(record.count(PROVEN)),
        str(record.failures),
        str(record.unreachable),
    )


def _troubles(told: Chronicle) -> Iterator[str]:
    groups = troubles(told.rollout.hosts.values())
    if not groups:
        return
    yield from _heading("Hosts that are not fine")
    for at, (trouble, hosts) in enumerate(islice(groups.items(), GROUPS)):
        if at:
            yield ""
        reason = f": {markdown(trouble.reason)}" if trouble.reason else ""
        yield f"**{markdown(compact(hosts, SPANS))}**: {trouble.state}{reason}"
        if trouble.output:
            yield ""
            yield from fenced(trouble.output)
    if left := list(islice(groups.values(), GROUPS, None)):
        yield ""
        yield f"… and {sum(map(len, left))} more hosts, for {len(left)} more reasons."


def _signatures(told: Chronicle) -> Iterator[str]:
    found = unverified(told.rollout.hosts.values())
    if not found:
        return
    yield from _heading("Signatures")
    for words, hosts in found.items():
        yield f"- {markdown(compact(hosts, SPANS))}: {markdown(words)}"


def _leftovers(told: Chronicle) -> Iterator[str]:
    found = leftovers(told.rollout.hosts.values())
    if not found:
        return
    yield from _heading("Failed cleanups")
    for words, hosts in found.items():
        yield f"- {markdown(compact(hosts, SPANS))}: {markdown(words)}"


def _timeline(told: Chronicle) -> Iterator[str]:
    yield from _heading("Timeline")
    yield from (f"- {iso(moment.at)} {markdown(moment.what)}" for moment in told.timeline)


def _durations(told: Chronicle) -> Iterator[str]:
    yield from _heading("Durations")
    yield from _table(
        ("action", "done", "median", "90 %", "longest"),
        (
            (
                each.action.value,
                str(each.count),
                span(each.median),
                span(each.p90),
                span(each.longest),
            )
            for each in told.durations()
        ),
    )


def _next(told: Chronicle) -> Iterator[str]:
    yield from _heading("What to do next")
    yield from (f"- {step}" for step in next_steps(told.rollout))


def _heading(title: str) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _cells(head)
    yield _cells(["---"] * len(head))
    yield from map(_cells, rows)


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_PARTS: tuple[Callable[[Chronicle], Iterator[str]], ...] = (
    _header,
    _targets,
    _waves,
    _troubles,
    _signatures,
    _leftovers,
    _timeline,
    _durations,
    _next,
)
