"""Connections that many hosts share: one per distinct way to a bastion, opened once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncssh

from orchestrator.engines.ssh.target import Target
from orchestrator.errors import Unreachable

Login = Callable[[str, Target], Awaitable[asyncssh.SSHClientConnection]]
"""Logs in to a target."""


class BastionUnreachable(Unreachable):
    """The way to a host is closed; the bastion has been tried often enough."""


class Bastions:
    """Keeps the way to each bastion open, and opens it again when it broke."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._ways: dict[Target, asyncio.Future[asyncssh.SSHClientConnection]] = {}

    async def to(self, bastion: Target) -> asyncssh.SSHClientConnection:
        """Return the connection to a bastion; all who ask meanwhile share one attempt.

        Raises BastionUnreachable, LoginRefused or HostKeyRefused.
        """
        way = self._ways.get(bastion)
        if way is None or _broken(way):
            way = self._ways[bastion] = asyncio.ensure_future(self._login("the bastion", bastion))
            way.add_done_callback(_broken)
        try:
            return await asyncio.shield(way)
        except Unreachable as error:
            raise BastionUnreachable(error.message, hint=error.hint) from error

    async def close(self) -> None:
        """Close every bastion."""
        ways, self._ways = list(self._ways.values()), {}
        for way in ways:
            way.cancel()
        for outcome in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(outcome, asyncssh.SSHClientConnection):
                outcome.abort()
                await outcome.wait_closed()


def _broken(way: asyncio.Future[asyncssh.SSHClientConnection]) -> bool:
    if not way.done():
        return False
    return way.cancelled() or way.exception() is not None or way.result().is_closed()
