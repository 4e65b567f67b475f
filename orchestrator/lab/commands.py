"""How the embedded server runs what a session asks for: as sshd would."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from dataclasses import dataclass, field

import asyncssh

from orchestrator.lab.login import search_path, user_name
from orchestrator.lab.spec import MARKER, LabHost

_CHUNK = 65536
_CANNOT_RUN = 127


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs the commands of one host's sessions with ``sh -c``, starting in its home."""

    host: LabHost
    marker: str
    running: set[Process] = field(default_factory=set)

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run one command, its three streams joined to the channel, and report how it ended.

        The pipes are closed when the connection goes away; the command is not killed. As with
        sshd, a command that has ended holds the channel until its output is closed everywhere.
        """
        inner, outer = _pipes()
        try:
            child = await self._start(process, inner)
        except OSError as error:
            outer.close()
            process.stderr.write(f"cannot run the command: {error.strerror}\n".encode())
            process.exit(_CANNOT_RUN)
            return
        finally:
            inner.close()
        self.running.add(child)
        feeding = asyncio.create_task(_feed(process, outer.stdin, child))
        await process.redirect(stdout=outer.stdout, stderr=outer.stderr, send_eof=False)
        status = await child.wait()
        self.running.discard(child)
        with contextlib.suppress(OSError, asyncssh.Error):
            await process.stdout.drain()
            await process.stderr.drain()
            _report(process, status)
        feeding.cancel()

    def kill(self) -> None:
        """Kill what sessions run now, with all of their process groups."""
        for child in self.running:
            _send(child, signal.SIGKILL)

    async def _start(self, process: asyncssh.SSHServerProcess[bytes], streams: _Streams) -> Process:
        return await asyncio.create_subprocess_exec(
            *(["sh", "-c", process.command] if process.command else ["sh"]),
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            cwd=self.host.home,
            env=self._environment(process),
            start_new_session=True,
        )

    def _environment(self, process: asyncssh.SSHServerProcess[bytes]) -> dict[str, str]:
        user = user_name()
        client, client_port = process.get_extra_info("peername")[:2]
        address, port = process.get_extra_info("sockname")[:2]
        return {
            "HOME": str(self.host.home),
            "TMPDIR": str(self.host.tmp),
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/sh",
            "PATH": search_path(self.host.bin),
            "SSH_CLIENT": f"{client} {client_port} {port}",
            "SSH_CONNECTION": f"{client} {client_port} {address} {port}",
            MARKER: self.marker,
        }


@dataclass(frozen=True, slots=True)
class _Streams:
    """One end of the three pipes of a command, as file descriptors."""

    stdin: int
    stdout: int
    stderr: int

    def close(self) -> None:
        for descriptor in (self.stdin, self.stdout, self.stderr):
            os.close(descriptor)


async def _feed(process: asyncssh.SSHServerProcess[bytes], descriptor: int, child: Process) -> None:
    """Pass on what the client sends, to its end, and its signals."""
    # asyncssh's own redirection to a pipe can lose the last bytes before the end: it closes the
    # pipe from within `resume_writing`, when asyncio takes its buffer for empty.
    writer = await _open_writer(descriptor)
    try:
        while True:
            try:
                data = await process.stdin.read(_CHUNK)
            except asyncssh.SignalReceived as received:
                _pass_on(received.signal, child)
                continue
            if not data:
                return
            writer.write(data)
            await writer.drain()
    except (OSError, asyncssh.Error):
        return
    finally:
        writer.close()


async def _open_writer(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    transport, _ = await loop.connect_write_pipe(lambda: protocol, os.fdopen(descriptor, "wb", 0))
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _pass_on(name: str, child: Process) -> None:
    if number := signal.Signals.__members__.get(f"SIG{name}"):
        _send(child, number)


def _send(child: Process, number: signal.Signals) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)


def _pipes() -> tuple[_Streams, _Streams]:
    """Return the command's ends and ours."""
    stdin, stdout, stderr = os.pipe(), os.pipe(), os.pipe()
    return (
        _Streams(stdin[0], stdout[1], stderr[1]),
        _Streams(stdin[1], stdout[0], stderr[0]),
    )


def _report(process: asyncssh.SSHServerProcess[bytes], status: int) -> None:
    if status >= 0:
        process.exit(status)
    else:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
