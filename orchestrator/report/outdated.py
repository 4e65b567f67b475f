"""What is installed across a fleet, and what could come, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from orchestrator.model.bundle import Urgency
from orchestrator.model.consent import Consent
from orchestrator.planning.outlook import Outlook, Prospect
from orchestrator.report.escaping import printable
from orchestrator.report.folding import compact

NEEDS: Mapping[Consent | None, str] = {
    Consent.AUTO: "goes by itself",
    Consent.ASK: "needs --yes",
    Consent.APPROVE: "needs --approve",
    None: "is not what the plan asks for",
}
NOTES = 100
"""Characters of a release's notes that a table shows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One package: hosts by the version that they have ('' nothing), and what could come."""

    outlook: Outlook
    hosts: Mapping[str, Sequence[str]]
    silent: Sequence[str] = ()
    locked: str = ""

    @property
    def document(self) -> dict[str, object]:
        """Return it as JSON-ready values."""
        outlook = self.outlook
        return {
            "package": outlook.package,
            "wanted": outlook.wanted,
            "locked": self.locked or None,
            "installed": {version: list(names) for version, names in self.hosts.items()},
            "unreachable": list(self.silent),
            "auto": _document(outlook.auto),
            "best": _document(outlook.best),
            "newest": _document(outlook.newest),
        }

    @property
    def news(self) -> tuple[Prospect, ...]:
        """Return what could come that not every host has."""
        have = [*self.hosts] or [self.locked]
        return tuple(it for it in self.outlook.prospects if have != [it.version])


def outdated_view(rows: Sequence[Row], *, installed: str = "installed") -> RenderableType:
    """Return a table of packages, and below it a line for each version that could come.

    ``installed`` is the heading of the second column.
    """
    table = Table(
        "package",
        installed,
        Column("by itself", no_wrap=True),
        Column("in range", no_wrap=True),
        Column("newest", no_wrap=True),
        box=None,
        pad_edge=False,
    )
    for row in rows:
        outlook = row.outlook
        prospects = (outlook.auto, outlook.best, outlook.newest)
        table.add_row(outlook.package, _standing(row), *map(_version, prospects))
    news = [Text.assemble("\n", *_news(row)) for row in rows if row.news]
    return Group(table, *news)


def _standing(row: Row) -> Text:
    lines = [f"{printable(version) or 'nothing'}: {compact(h)}" for version, h in row.hosts.items()]
    lines += [f"locked {row.locked}"] if row.locked else []
    lines += [f"could not be asked: {compact(row.silent)}"] if row.silent else []
    return Text("\n".join(lines or ["-"]))


def _version(prospect: Prospect | None) -> Text:
    if prospect is None:
        return Text("-")
    urgent = prospect.candidate.urgency is Urgency.CRITICAL
    return Text(prospect.version, "bold red" if urgent else "")


def _news(row: Row) -> Iterable[Text]:
    for prospect in row.news:
        candidate = prospect.candidate
        words = [f"{prospect.change} change"] if prospect.change != "none" else []
        words += [NEEDS[prospect.consent]]
        words += [candidate.urgency] if candidate.urgency is not Urgency.NORMAL else []
        line = f"{row.outlook.package} {prospect.version}: {', '.join(words)}"
        yield Text(f"{line}{_notes(candidate.notes)}\n")


def _notes(notes: str) -> str:
    first = printable(notes.strip().partition("\n")[0])
    short = first if len(first) <= NOTES else f"{first[: NOTES - 1]}…"
    return f"; {short}" if short else ""


def _document(prospect: Prospect | None) -> dict[str, object] | None:
    if prospect is None:
        return None
    candidate = prospect.candidate
    return {
        "version": candidate.version,
        "urgency": candidate.urgency,
        "notes": candidate.notes,
        "change": prospect.change,
        "consent": prospect.consent,
    }
