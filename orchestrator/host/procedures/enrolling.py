"""Enrolment: pinning a trust file on a host, which then lets nobody else's bundles in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.errors import HostError
from orchestrator.host import requests
from orchestrator.host.replies import Status, status, text
from orchestrator.ports import Channel, Reply

Judge = Callable[[str], tuple[tuple[str, ...], tuple[str, ...]]]
"""Takes the text that a host has pinned; returns who signed the new one, by the old one and by
itself, for each signature. Raises InputError when the new one may not follow."""


class Enrolment(StrEnum):
    """What came of it, as people read it."""

    PINNED = "pinned"
    REPLACED = "replaced what was pinned"
    ALREADY = "pinned already"
    UNABLE = "not pinned"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What came of one trust folder on a host; ``why`` it could not be."""

    state: str
    result: Enrolment
    why: str = ""


async def enrol(
    channel: Channel,
    state: str,
    *,
    file: str,
    signatures: str,
    judge: Judge,
    owner: str,
    deadline: float,
) -> Enrolled:
    """Pin the trust file with the text ``file`` below the folder ``state``, unless it is there.

    Raises HostError when the host refuses, and what ``judge`` raises.
    """
    pinned = text((await _ask(channel, requests.enrol(state), deadline)).fields, "pinned")
    if pinned == file:
        return Enrolled(state, Enrolment.ALREADY)
    old, new = judge(pinned) if pinned else ((), ())
    line = requests.enrol(
        state, file=file, signatures=signatures, old_identities=old, identities=new, owner=owner
    )
    [reply] = await channel.call([line], deadline=deadline)
    if status(reply) is Status.NO and reply.reason.startswith("unchecked: "):
        return Enrolled(state, Enrolment.UNABLE, reply.reason.removeprefix("unchecked: "))
    _accepted(reply)
    return Enrolled(state, Enrolment.REPLACED if pinned else Enrolment.PINNED)


async def _ask(channel: Channel, line: str, deadline: float) -> Reply:
    [reply] = await channel.call([line], deadline=deadline)
    return _accepted(reply)


def _accepted(reply: Reply) -> Reply:
    if status(reply) is not Status.OK:
        raise HostError(f"not pinned: {reply.reason or f'the host answered {reply.status!r}'}")
    return reply
