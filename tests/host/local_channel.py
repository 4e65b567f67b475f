"""The host program on this machine, over pipes, behind the Channel port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import Unreachable
from orchestrator.host.source import BOOTSTRAP, program_line
from orchestrator.model.fleet import Host
from orchestrator.ports import OnOutput, Reply

LIMIT = 4 << 20
PATIENCE = 10.0


class LocalChannel:
    """One session."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = 0
        self._lost = False
        self.round_trips = 0
        self.cut_before = ""
        """An operation before which the connection is lost."""
        self.cut_at = 0
        """The byte of a payload at which the connection is lost, if any."""

    async def call(
        self,
        requests: Sequence[str],
        *,
        payload: Path | None = None,
        offset: int = 0,
        deadline: float,
        on_output: OnOutput | None = None,
    ) -> list[Reply]:
        self.round_trips += 1
        if self.cut_before and any(line.startswith(self.cut_before) for line in requests):
            await self.cut()
        numbered = [f"{self._ids + n} {line}\n" for n, line in enumerate(requests, start=1)]
        self._ids += len(requests)
        try:
            async with asyncio.timeout(deadline):
                assert self._process.stdin
                self._process.stdin.write("".join(numbered).encode())
                if payload:
                    content = await asyncio.to_thread(payload.read_bytes)
                    if self.cut_at:
                        self._process.stdin.write(content[offset : self.cut_at])
                        await self._process.stdin.drain()
                        await self.cut()
                    self._process.stdin.write(content[offset:])
                await self._process.stdin.drain()
                return [await self._reply(on_output) for _ in requests]
        except (TimeoutError, OSError, EOFError) as error:
            await self.close()
            raise Unreachable(f"the session was lost: {error}") from error

    async def _reply(self, on_output: OnOutput | None) -> Reply:
        assert self._process.stdout
        while True:
            line = await self._process.stdout.readline()
            if self._lost or not line:
                raise EOFError("end of output")
            found = json.loads(line)
            if "status" in found:
                return Reply(found.pop("status"), found.pop("reason"), found)
            if on_output:
                on_output(found["output"])

    async def cut(self) -> None:
        """Lose the connection: the program's input ends, and its last words are not heard."""
        self._lost = True
        await self.close()

    async def close(self) -> None:
        """Hang up, and see to it that nothing of the session is left."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
            raise


class LocalConnector:
    """Opens sessions on this machine, whatever the host."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.channels: list[LocalChannel] = []
        self.cut_at = 0
        """Where the first payload is cut."""

    async def open(self, host: Host) -> LocalChannel:
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            BOOTSTRAP,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self.environment,
            limit=LIMIT,
            start_new_session=True,
        )
        channel = LocalChannel(process)
        channel.cut_at, self.cut_at = self.cut_at, 0
        self.channels.append(channel)
        assert process.stdin
        process.stdin.write(program_line())
        return channel

    async def close(self) -> None:
        for channel in self.channels:
            await channel.close()

    @property
    def round_trips(self) -> int:
        """How many calls there were on all sessions."""
        return sum(channel.round_trips for channel in self.channels)
