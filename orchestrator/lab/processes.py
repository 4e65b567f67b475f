"""Processes: whose they are, whether they still live, and how to end them all.

A pid alone names nobody, since the kernel hands it out again. An `Identity` adds when the process
started and in which boot of the machine (``/proc/PID/stat`` and ``boot_id``, see proc(5)); a
recycled pid has another identity and is never signalled.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.spec import MARKER

_PROC = Path("/proc")
_STOPPED = frozenset("tT")
_UNINTERRUPTIBLE = "D"
_GONE = frozenset("ZXx")
_PATIENCE = 20.0
_POLL = 0.01


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, never mistaken for a later one with the same pid."""

    pid: int
    started: int
    """Clock ticks from boot to the start of the process."""
    boot: str


@dataclass(frozen=True, slots=True)
class Process:
    """A living process at the instant of a snapshot."""

    identity: Identity
    parent: int
    state: str
    """One letter, as in proc(5)."""

    @property
    def stopped(self) -> bool:
        """Tell whether a signal has stopped it."""
        return self.state in _STOPPED

    @property
    def still(self) -> bool:
        """Tell whether it runs no code of its own until something else happens."""
        return self.stopped or self.state == _UNINTERRUPTIBLE


class ProcessTable:
    """A snapshot of all living processes; zombies do not count."""

    def __init__(self, processes: Iterable[Process]) -> None:
        self._by_pid = {process.identity.pid: process for process in processes}
        self._children: dict[int, list[int]] = {}
        for process in self._by_pid.values():
            self._children.setdefault(process.parent, []).append(process.identity.pid)

    @classmethod
    def now(cls) -> ProcessTable:
        """Read the table from ``/proc``."""
        pids = (int(path.name) for path in _PROC.iterdir() if path.name.isdecimal())
        return cls(process for pid in pids if (process := look_up(pid)))

    def marked(self, prefix: str) -> dict[int, str]:
        """Return pid → host name of all processes whose marker begins with ``<dir>:``.

        Our own process is never among them.
        """
        wanted = f"\0{MARKER}={prefix}".encode()
        names = {pid: _after(pid, wanted) for pid in self._by_pid if pid != os.getpid()}
        return {pid: name for pid, name in names.items() if name}

    def tree(self, roots: Iterable[int], without: frozenset[int] = frozenset()) -> set[int]:
        """Return living roots and all their descendants, not entering the pids ``without``."""
        found: set[int] = set()
        pending = [pid for pid in roots if pid in self._by_pid]
        while pending:
            pid = pending.pop()
            if pid not in found and pid not in without:
                found.add(pid)
                pending += self._children.get(pid, [])
        return found

    def processes(self, pids: Iterable[int]) -> set[Process]:
        """Return the processes with these pids."""
        return {self._by_pid[pid] for pid in pids}


def look_up(pid: int) -> Process | None:
    """Return a living process, or ``None`` when there is none with this pid."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may itself hold spaces and parentheses.
    fields = text[text.rindex(")") + 2 :].split()
    state, parent, started = fields[0], int(fields[1]), int(fields[19])
    if state in _GONE:
        return None
    return Process(Identity(pid, started, _boot()), parent, state)


def is_alive(identity: Identity) -> bool:
    """Tell whether this very process still lives."""
    process = look_up(identity.pid)
    return process is not None and process.identity == identity


def send(identity: Identity, number: int) -> None:
    """Signal this very process; one that has gone already is no error."""
    if not is_alive(identity):
        return
    try:
        os.kill(identity.pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise LabError(
            f"process {identity.pid} belongs to another user and cannot be signalled",
            hint="run the lab command as the user who started that process",
        ) from error


def stop_all(find: Callable[[], set[Process]]) -> None:
    """SIGSTOP all processes that ``find`` returns, until looking again finds none that runs.

    One that waits in the kernel counts as stopped once it was signalled, since it stops before
    it runs again: so does the parent in a vfork(2) whose child was stopped before it.

    Raises:
        LabError: some would not stop within 20 s.

    """
    signalled: set[Identity] = set()

    def all_still() -> bool:
        awake = [process for process in find() if not process.stopped]
        runs = [it for it in awake if not it.still or it.identity not in signalled]
        _send_all(runs, signal.SIGSTOP)
        signalled.update(process.identity for process in runs)
        return not runs

    if not wait_until(all_still, _PATIENCE):
        raise _stubborn(find())


def continue_all(processes: Iterable[Process]) -> None:
    """SIGCONT all, also those whose stop is still to come."""
    _send_all(processes, signal.SIGCONT)


def end_all(find: Callable[[], set[Process]]) -> None:
    """Kill all processes that ``find`` returns at one instant, as a power cut would.

    They are all stopped first, so that none can start another while the rest dies.

    Raises:
        LabError: some still live after 20 s.

    """
    stop_all(find)
    doomed = find()

    def all_gone() -> bool:
        # One that is dying has lost its environment before its sockets: ask for it by identity.
        left = find()
        _send_all(left, signal.SIGKILL)
        return not left and not any(is_alive(process.identity) for process in doomed)

    if not wait_until(all_gone, _PATIENCE):
        raise _stubborn(find())
    reap(process.identity.pid for process in doomed)


def reap(pids: Iterable[int]) -> None:
    """Collect those of our own children that have ended."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; tell whether it came true in time."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(_POLL)
    return True


def spawn(
    argv: list[str], *, log: Path, pid_file: Path, environment: Mapping[str, str]
) -> Identity:
    """Start a daemon in a session of its own, output to a log, its identity in a pid file.

    Raises:
        LabError: the program cannot be started.

    """
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        pid = os.posix_spawn(
            argv[0],
            argv,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP),
        )
    except OSError as error:
        raise LabError(f"cannot start {argv[0]}: {error.strerror}", hint=f"see {log}") from error
    process = look_up(pid)
    identity = process.identity if process else Identity(pid, 0, _boot())
    pid_file.write_text(f"{identity.pid} {identity.started} {identity.boot}\n")
    return identity


def running(pid_file: Path) -> Identity | None:
    """Return the living process that a pid file names; a stale or torn file names none."""
    try:
        pid, started, boot = pid_file.read_text().split()
        identity = Identity(int(pid), int(started), boot)
    except (FileNotFoundError, ValueError):
        return None
    if is_alive(identity):
        return identity
    reap((identity.pid,))
    return None


def first_inside(pid_file: Path) -> Identity | None:
    """Return the descendant of a pid file's process that is number 1 in a namespace of its own."""
    outer = running(pid_file)
    table = ProcessTable.now()
    tree = table.tree([outer.pid]) if outer else set()
    return next((it.identity for it in table.processes(tree) if _is_first(it.identity.pid)), None)


def _is_first(pid: int) -> bool:
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return False
    numbers = status.partition("\nNSpid:")[2].partition("\n")[0].split()
    return len(numbers) > 1 and numbers[-1] == "1"


def _send_all(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        send(process.identity, number)


def _stubborn(processes: Iterable[Process]) -> LabError:
    pids = ", ".join(str(process.identity.pid) for process in processes)
    return LabError(
        f"processes do not obey signals: {pids}",
        hint="look at them with `ps -o pid,stat,wchan,args`, then try again",
    )


def _after(pid: int, wanted: bytes) -> str:
    """Return the rest of the environment entry that begins with ``wanted``, or nothing."""
    try:
        environment = b"\0" + (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return ""
    _, found, rest = environment.partition(wanted)
    return rest.partition(b"\0")[0].decode(errors="replace") if found else ""


@cache
def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
