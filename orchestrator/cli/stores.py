"""``fleet bundle push``, ``list`` and ``prune``: the places that bundles come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.table import Table
from rich.text import Text

from orchestrator import compose
from orchestrator.bundles import sources
from orchestrator.bundles.obtaining import wanted
from orchestrator.bundles.sources import Cache, Offer, Source, StoreSource, choose, pruning, publish
from orchestrator.bundles.trust import Trust
from orchestrator.cli.screen import page
from orchestrator.errors import BundleError, ExitCode, InputError, Problem, UsageError
from orchestrator.home import Home
from orchestrator.model.plan import Origin
from orchestrator.planfile import lock_path, read_lock
from orchestrator.report.escaping import printable
from orchestrator.report.figures import size
from orchestrator.schema import units
from orchestrator.service.options import RunOptions

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


def source_flags(command: F) -> F:
    """Add the flags that say what kind of place SOURCE is."""
    for option in (
        click.option("--folder", default="", help="With --git: the folder with bundle.yml."),
        click.option("--git", is_flag=True, help="SOURCE is a git repository, or its short name."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("bundles", type=PATH, nargs=-1, required=True)
@click.argument("store", type=str)
@click.option("--trust", type=PATH, help="allowed_signers file; default: yours.")
def push(bundles: tuple[Path, ...], store: str, trust: Path | None) -> int:
    """Put signed BUNDLES (folders or .fleet files) into the STORE in a folder."""
    if "://" in store:
        hint = "push to its folder, and let a web server or rsync do the rest"
        raise UsageError(f"{store}: a store on a web server can only be read", hint=hint)
    home = Home.find()
    signers = Trust.load(trust or home.trust)
    problems: list[Problem] = []
    for path in bundles:
        source = sources.source_of(Origin(str(path.absolute())), home.root)
        try:
            for offer in _alone(source, path):
                pushed = publish.push(source.obtain(offer, signers), Path(store))
                _tell(pushed, store)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    return ExitCode.OK


@click.command("list")
@click.argument("source")
@click.argument("package", required=False)
@source_flags
@click.option("--output", type=click.Choice(["text", "json"]), default="text")
def list_(source: str, package: str | None, *, git: bool, folder: str, output: str) -> int:
    """List what SOURCE (folder, .fleet file, store or repository) offers; nothing is proved."""
    place = _source(source, git=git, folder=folder)
    found = [offer for name in _packages(place, package) for offer in place.offers(name)]
    if output == "json":
        for offer in found:
            click.echo(json.dumps(asdict(offer)))
    elif found:
        page().print(_table(found))
    else:
        click.echo(f"no bundles in {place.place}", err=True)
    return ExitCode.OK


@click.command()
@click.argument("folder", type=PATH, required=False)
@click.option("--keep", type=click.IntRange(1), help="How many bundles of each package stay.")
@click.option(
    "--plan", "plans", type=PATH, multiple=True, help="What it, or its lock, names stays."
)
@click.option("--cache", help="Shrink the cache of downloads to this size, e.g. 5GiB.")
@click.option("-C", "--check", is_flag=True, help="Say what would go, and remove nothing.")
def prune(
    folder: Path | None,
    keep: int | None,
    plans: tuple[Path, ...],
    cache: str | None,
    *,
    check: bool,
) -> int:
    """Remove old bundles from FOLDER (a store, or built bundles), or from the cache."""
    if (folder is None) == (cache is None) or (folder is None) != (keep is None):
        raise UsageError("prune a FOLDER with --keep, or the --cache to a size")
    if folder is not None and keep is not None:
        return _prune_folder(folder, keep, plans, check=check)
    limit = units.size(cache or "")
    if limit is None:
        raise UsageError(f"'{cache}' is no size", hint="write for example 500MiB or 20GiB")
    for gone in Cache(Home.find().cache).trim(limit, check=check):
        click.echo(f"{'would remove' if check else 'removed'} {gone}")
    return ExitCode.OK


def _prune_folder(folder: Path, keep: int, plans: tuple[Path, ...], *, check: bool) -> int:
    place = _source(str(folder), git=False, folder="")
    for package in _packages(place, None):
        offers = place.offers(package)
        needed = {offer.digest for plan in plans for offer in _needed(plan, package, offers)}
        going = pruning.surplus(offers, keep, needed)
        if not check:
            pruning.remove(place, going)
        for offer in going:
            click.echo(f"{'would remove' if check else 'removed'} {offer.package} {offer.label}")
    return ExitCode.OK


def _needed(plan: Path, package: str, offers: tuple[Offer, ...]) -> Iterator[Offer]:
    """Yield the offers that a plan asks for by version, or that its lock names."""
    path = lock_path(plan)
    pin = read_lock(path).pins.get(package) if path.exists() else None
    yield from (offer for offer in offers if pin and offer.digest == pin.digest)
    for asked in compose.read_plan(plan, RunOptions()).packages:
        if asked.name == package:
            try:
                yield choose(offers, wanted(asked), at=str(plan))
            except BundleError:
                continue  # the plan gets its bundle elsewhere


def _source(name: str, *, git: bool, folder: str) -> Source:
    url = "://" in name or (git and not name.startswith((".", "/", "~")))
    location = name if url else str(Path(name).expanduser().absolute())
    return sources.source_of(Origin(location, git, folder), Home.find().root)


def _packages(source: Source, package: str | None) -> tuple[str, ...]:
    return (package,) if package else source.packages()


def _alone(source: Source, path: Path) -> tuple[Offer, ...]:
    """Return the bundle that a path is; raises UsageError for a place with several."""
    found = [offer for name in source.packages() for offer in source.offers(name)]
    if isinstance(source, StoreSource) or [offer.place for offer in found] != [source.place]:
        raise UsageError(f"{path}: not a bundle", hint="name built bundles, or .fleet files")
    return tuple(found)


def _tell(pushed: publish.Pushed, store: str) -> None:
    offer, entry = pushed.entry.offer, pushed.entry
    if pushed.fresh:
        click.echo(f"pushed {offer.package} {offer.label} to {store} ({size(entry.size)})")
    else:
        click.echo(f"{store} has {offer.package} {offer.label} already")


def _table(offers: list[Offer]) -> Table:
    table = Table("package", "version", "manifest", "created", "urgency", "notes", box=None)
    for offer in offers:
        table.add_row(
            offer.package,
            offer.label,
            offer.digest[:12] or "-",
            offer.created,
            offer.urgency,
            Text(printable(offer.notes.partition("\n")[0])),
        )
    return table
