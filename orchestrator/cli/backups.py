"""``fleet hosts backup``, ``backups`` and ``restore``: the data of a plan's packages."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from orchestrator import compose
from orchestrator.cli.consent import at_terminal
from orchestrator.cli.factory import restore_golden
from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of
from orchestrator.clock import WallClock, iso
from orchestrator.errors import ExitCode, HostError, NotAgreed, UsageError
from orchestrator.host.procedures.keeping import Backup, Restored
from orchestrator.host.work import RunIdentity
from orchestrator.journal.ids import new_run_id
from orchestrator.model.plan import Plan
from orchestrator.ports import Connector
from orchestrator.report.escaping import output_line
from orchestrator.report.figures import size
from orchestrator.service import backups as service
from orchestrator.service.backups import Made
from orchestrator.service.narrowing import only
from orchestrator.service.operator import operator
from orchestrator.service.surveying import Found, Place

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_PLAN = click.argument("plan", type=click.Path(path_type=Path))
_PACKAGE = click.option("--package", "packages", multiple=True, help="Only this package's data.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def _data_flags(command: F) -> F:
    for decorate in (_PLAN, ask_become, connection_flags, _JSON, _PACKAGE):
        command = decorate(command)
    return command


@click.command()
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Carry the archives into this folder as well, as HOST/PACKAGE/ARCHIVE.",
)
@_data_flags
def backup(plan: Path, *, to: Path | None, **given: Any) -> int:
    """Back up the data that PLAN declares, on every host.

    An archive lies on its host, with its hash beside it, as many as backups: says. What the
    plan's data: stops is started again, whatever comes between.
    """

    async def made(site: compose.Site, ssh: Connector) -> Found[Made]:
        return await service.back_up(site.plan, site.chosen, ssh, _identity("backup"), to)

    with _left_to_hosts(plan):
        return _each(plan, given, made, _made_line, _made_document)


@click.command()
@_data_flags
def backups(plan: Path, **given: Any) -> int:
    """List the backups of data that the hosts of PLAN have, oldest first."""

    async def listed(site: compose.Site, ssh: Connector) -> Found[tuple[Backup, ...]]:
        return await service.listed(site.plan, site.chosen, ssh)

    return _each(plan, given, listed, _list_line, _list_document)


@click.command()
@click.option(
    "--from",
    "source",
    metavar="ID|latest|FOLDER",
    help="The backup, as backups lists it, or the newest in a folder that backup --to has filled.",
)
@click.option("--factory", is_flag=True, help="Go back to the golden release instead: factory:.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@_data_flags
def restore(plan: Path, *, source: str | None, factory: bool, yes: bool, **given: Any) -> int:
    """Bring the data that PLAN declares back from a backup, on every host.

    The archive's hash is proved, and it is unpacked beside the data, before anything is stopped.
    What the data was is kept beside it, until the next restore but one.

    With --factory, hosts go back to the golden release of PLAN, by a run; data is left alone.
    """
    if bool(source) == factory:
        hint = "--from latest, or ID: fleet hosts backups PLAN; or --factory"
        raise UsageError("--from or --factory: one of the two", hint=hint)
    if factory:
        return restore_golden(plan, given, yes=yes)
    assert source
    origin = _origin(source)
    _agree(yes=yes)

    async def restored(site: compose.Site, ssh: Connector) -> Found[Restored]:
        identity = _identity("restore")
        return await service.restore(site.plan, site.chosen, ssh, identity, origin)

    with _left_to_hosts(plan):
        return _each(plan, given, restored, _restored_line, _restored_document)


def _origin(source: str) -> str | Path:
    """Return the name of a backup, or the folder that is meant; raises UsageError.

    The latest is that of each host, whatever lies here: a folder of that name is ./latest.
    """
    folder = Path(source)
    if source != service.LATEST and folder.is_dir():
        return folder
    if "/" in source:
        hint = "a folder that fleet hosts backup PLAN --to FOLDER has filled; or latest, or an ID"
        raise UsageError(f"--from {source}: there is no such folder", hint=hint)
    return source


def _agree(*, yes: bool) -> None:
    """Raise NotAgreed unless the operator says yes, by the flag or at a terminal."""
    if yes:
        return
    if not at_terminal():
        raise NotAgreed("the data on the hosts would be replaced", hint="to agree, add --yes")
    click.confirm("Replace the data on the hosts?", abort=True, err=True)


@contextmanager
def _left_to_hosts(plan: Path) -> Iterator[None]:
    """Say what becomes of the hosts where Ctrl-C breaks off what changes them."""
    try:
        yield
    except KeyboardInterrupt:
        told = "hosts end what was begun, and start again what they had stopped, by themselves"
        click.echo(f"fleet: {told}\n  hint: to see where they stand: fleet doctor {plan}", err=True)
        raise


def _each(
    plan: Path,
    given: Mapping[str, Any],
    what: Callable[[compose.Site, Connector], Awaitable[Found[T]]],
    line: Callable[[T], str],
    document: Callable[[T], Mapping[str, object]],
) -> int:
    options = options_of(dict(given))
    site = compose.read_site(plan, options, lambda whole: _with_data(whole, given["packages"]))
    password = become_password(ask=given["ask_become_pass"])

    async def reach() -> Found[T]:
        ssh = compose.connector(site.plan, options, password, os.environ)
        try:
            return await what(site, ssh)
        finally:
            await ssh.close()

    found = asyncio.run(reach())
    if given["as_json"]:
        told = [{**_place(place), **_answer(answer, document)} for place, answer in found]
        click.echo(json.dumps(told, indent=2))
    else:
        for place, answer in found:
            said = _refused(answer) if isinstance(answer, HostError) else line(answer)
            for text in said.splitlines():
                click.echo(output_line(f"{place.host}  {place.package}  {text}"))
    codes = {a.exit_code if isinstance(a, HostError) else ExitCode.OK for _, a in found}
    return ExitCode.FAILED if ExitCode.FAILED in codes else max(codes, default=ExitCode.OK)


def _with_data(plan: Plan, packages: tuple[str, ...]) -> Plan:
    named = only(plan, packages) if packages else plan
    declared = service.with_data(named)
    if not declared:
        hint = "name its paths: packages.NAME.data"
        raise UsageError("no package of the plan declares data", hint=hint)
    return only(named, declared)


def _identity(what: str) -> RunIdentity:
    run = f"{what}-{new_run_id(WallClock(), secrets.token_bytes)}"
    return RunIdentity(run, operator(), "")


def _place(place: Place) -> Mapping[str, object]:
    return {"host": place.host, "package": place.package}


def _answer(
    answer: T | HostError, document: Callable[[T], Mapping[str, object]]
) -> Mapping[str, object]:
    if isinstance(answer, HostError):
        return {"status": "error", "error": answer.message}
    return {"status": "ok", **document(answer)}


def _refused(error: HostError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _made_line(made: Made) -> str:
    if made.backup is None:
        return "no data yet"
    here = f", and in {made.here}" if made.here else ""
    return f"{made.backup.name}  {size(made.backup.size)}  in {made.backup.archive}{here}"


def _made_document(made: Made) -> Mapping[str, object]:
    here = str(made.here) if made.here else None
    return {"backup": asdict(made.backup) if made.backup else None, "here": here}


def _list_line(found: tuple[Backup, ...]) -> str:
    lines = [f"{it.name}  {iso(it.made)}  {size(it.size)}  by {it.by}" for it in found]
    return "\n".join(lines) or "no backup"


def _list_document(found: tuple[Backup, ...]) -> Mapping[str, object]:
    return {"backups": [asdict(backup) for backup in found]}


def _restored_line(restored: Restored) -> str:
    lines = [f"restored {', '.join(restored.paths)} from {restored.backup}"]
    if restored.old:
        lines.append(f"what was there is in {', '.join(restored.old)}")
    return "\n".join(lines)


def _restored_document(restored: Restored) -> Mapping[str, object]:
    return asdict(restored)
