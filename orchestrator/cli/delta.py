"""``fleet bundle delta``: what an upgrade takes."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from orchestrator.bundles import forms, reader
from orchestrator.bundles.delta import figures
from orchestrator.bundles.delta.figures import Cost, Figures
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust
from orchestrator.errors import ExitCode
from orchestrator.home import Home
from orchestrator.host.source import undo_bsdiff
from orchestrator.report.figures import size, span

PLACE = click.Path(path_type=Path)


@click.command()
@click.argument("old", type=PLACE)
@click.argument("new", type=PLACE)
@click.option("--trust", type=PLACE, help="allowed_signers file; default: yours.")
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
def delta(old: Path, new: Path, trust: Path | None, *, as_json: bool) -> int:
    """Make what a host with bundle OLD is sent to get NEW, by every means, and show the cost."""
    signers = Trust.load(trust or Home.find().trust)
    with tempfile.TemporaryDirectory(prefix="fleet-delta-") as scratch:
        folder = Path(scratch)
        before, after = (_opened(place, folder, signers) for place in (old, new))
        found = asyncio.run(figures.compare(before, after, folder, undo_bsdiff()))
    if as_json:
        click.echo(json.dumps(asdict(found)))
    else:
        click.echo("\n".join(_lines(before, after, found)))
    return ExitCode.OK


def _opened(place: Path, scratch: Path, trust: Trust) -> Bundle:
    """Return a trusted bundle as a folder: where it is, or unpacked into ``scratch``."""
    if not place.is_file():
        return reader.read(place, trust)
    return forms.unpack(place, scratch / f"{len(list(scratch.iterdir()))}", trust)


def _lines(before: Bundle, after: Bundle, found: Figures) -> list[str]:
    total = after.manifest
    new = f"{found.files} files, {size(found.size)}"
    return [
        f"{total.package} {before.manifest.release} -> {total.release}",
        f"{len(total.files)} files, {size(total.size)}; not there yet: {new}",
        "",
        f"{'means':14}{'sent':>12}{'saving':>9}{'make':>8}{'undo':>8}",
        *(_line(cost.means, cost, found.whole) for cost in found.costs),
        _line("to a new host", found.whole, found.whole),
    ]


def _line(name: str, cost: Cost, whole: Cost) -> str:
    saving = 100 * (1 - cost.sent / whole.sent)
    undo = "-" if cost.undo is None else span(cost.undo)
    return f"{name:14}{cost.sent:12,}{saving:8.1f}%{span(cost.make):>8}{undo:>8}"
