"""What a way back adds to an action: the host's past is judged, and its data backed up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from orchestrator.errors import ProtocolError
from orchestrator.host import requests, requests_data
from orchestrator.host.procedures.context import Context, refused
from orchestrator.host.procedures.judging import is_there
from orchestrator.host.replies import Probe, Status, status, text, words
from orchestrator.host.work import PackageWork
from orchestrator.planning.wayback import Past, brings_data, hindrances, settled
from orchestrator.ports import Outcome, Reply


def questions(ctx: Context) -> list[str]:
    """Return what is asked of the past, a request for each package that goes back."""
    return [
        requests.recall(ctx.place(work), work.release, work.manifest.digest, _sought(ctx, work))
        for work in _going(ctx)
    ]


def remember(ctx: Context, replies: Sequence[Reply]) -> None:
    """Keep what the host answered; raises ProtocolError."""
    ctx.memory.pasts = {
        work.name: _past(reply) for work, reply in zip(_going(ctx), replies, strict=True)
    }


def objections(ctx: Context) -> Iterator[str]:
    """Yield what keeps packages from going back."""
    for work in _going(ctx):
        probe = ctx.memory.probes[work.name]
        if not is_there(probe):
            yield from (f"{work.name}: {why}" for why in _objections(ctx, work, probe))


def intention(ctx: Context, work: PackageWork) -> str:
    """Return what going back does beside the move, in words."""
    past, way = ctx.memory.pasts.get(work.name), work.back
    if past is None or way is None or is_there(ctx.memory.probes[work.name]):
        return ""
    version = work.manifest.version
    said = [f"{version} is there and proved" if past.held else f"{version} is sent"]
    undone = [name for name in past.since or () if name not in settled(work.package, way)]
    if undone and not way.preserve_data:
        said.append(f"undoes {', '.join(undone)}")
    if _backs_up(work):
        said.append("backs up its data")
    if brings_data(work.package, way):
        said.append(f"brings its data back from {past.backup}")
    return "; " + ", ".join(said)


async def back_up(ctx: Context, work: PackageWork) -> tuple[str, Outcome | None]:
    """Back the data of a package that goes back up; return the backup's name, and what is wrong."""
    if not _backs_up(work):
        return "", None
    data = ctx.renderer.data(work.package)
    reply = await ctx.change(work, partial(requests_data.backup, data=data, let_go=False))
    if status(reply) is not Status.OK:
        return "", refused(work, "backing up", reply)
    return text(reply.fields, "backup"), None


def _objections(ctx: Context, work: PackageWork, probe: Probe) -> Iterator[str]:
    if not probe.active:
        yield "nothing is active, so there is no way back; apply the plan"
    elif work.back is not None:
        active = ctx.depot.manifest(probe.active)
        past = ctx.memory.pasts[work.name]
        yield from hindrances(work.package, active, work.manifest, past, work.back)


def _sought(ctx: Context, work: PackageWork) -> tuple[str, ...]:
    """Return the paths of data of which a backup is asked for."""
    brings = work.back is not None and brings_data(work.package, work.back)
    return ctx.renderer.data(work.package).paths if brings else ()


def _going(ctx: Context) -> list[PackageWork]:
    return [work for work in ctx.packages if work.back is not None]


def _backs_up(work: PackageWork) -> bool:
    return bool(work.back and work.back.backup and work.package.data.paths)


def _past(reply: Reply) -> Past:
    if status(reply) is not Status.OK:
        raise ProtocolError(f"the host could not be asked for its past: {reply.reason}")
    fields = reply.fields
    known = fields.get("since") is not None
    return Past(
        held=fields.get("held") is True,
        proof=text(fields, "proof"),
        since=words(fields, "since") if known else None,
        done=words(fields, "done"),
        backup=text(fields, "backup"),
    )
