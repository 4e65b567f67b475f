"""Hosts that can be stopped in the middle of an operation, and looked into.

``gate NAME`` is a program of every host that waits while the gate NAME is closed. Plans call it as
a check or a hook; the host's ``sync``, which every changing operation calls before it ends, waits
at the gate that is named after the operation.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.lab.ownership import own_processes
from orchestrator.lab.spec import LabHost
from orchestrator.model.event import Action, ActionEnded, Result
from tests.baddays.site import OLD, Area, Disk, Running, Site
from tests.labs import eventually, mend

GATE = """\
[ -e {gates}/"$1" ] || exit 0
: >{gates}/"$1".reached
while [ -e {gates}/"$1" ]; do sleep 0.05; done
"""

SYNC = """\
op=$(tail -n 1 {history} 2>/dev/null | sed -n 's/.*"at":"[bt][a-z]*","op":"\\([a-z]*\\)".*/\\1/p')
[ -z "$op" ] || gate "$op"
exec {sync} "$@"
"""

KEEPALIVE = " -o ServerAliveInterval=1 -o ServerAliveCountMax=2"

GATED: Mapping[str, object] = {
    "pre_checks": [{"command": "gate check"}],
    "validations": [{"command": "gate validate"}],
    "hooks": {"pre_activate": "gate pre_activate", "post_activate": "gate post_activate"},
    "steps": [],
}
"""Parts of a package that stop at gates."""

TIMEOUTS = {"connect": "5s", "validate": "20s", "confirm": "20s", "silent": "60s"}
SHORT_TRIAL = {"validate": "3s", "confirm": "2s"}
"""Timeouts that allow a trial of 5 s."""

LENIENT: Mapping[str, object] = {
    "cohorts": [{"name": "everyone"}],
    "max_failures": 100,
    "max_unreachable": 100,
    "on_halt": "hold",
    "commit": "host",
    "retries": {"attempts": 2, "backoff": "200ms", "max_backoff": "1s"},
}
"""A rollout in which the misfortune of a host stays its own."""


def make_area(
    site: Site,
    name: str,
    package: Mapping[str, object] | None = None,
    rollout: Mapping[str, object] | None = None,
    timeouts: Mapping[str, str] | None = None,
    *,
    bare: bool = False,
) -> Area:
    """Make an area whose hosts have OLD, or nothing yet; everything of its plan stops at gates."""
    parts: dict[str, Any] = {
        **LENIENT,
        **(rollout or {}),
        "timeouts": {**TIMEOUTS, **(timeouts or {})},
    }
    like = None if bare else _base(site)
    area = site.area(name, like=like, package={**GATED, **(package or {})}, **parts)
    for host in site.lab.hosts:
        _install(host, area.disk(host.name))
    return area


def _base(site: Site) -> Area:
    """Return an area whose hosts have OLD and stay so, to make others like it."""
    base = Area(site, "base", tuple(host.name for host in site.lab.hosts))
    if not base.plan.exists():
        site.area("base").apply(OLD)
    return base


def _install(host: LabHost, disk: Disk) -> None:
    _gates(host).mkdir(exist_ok=True)
    history = disk.state / "history.jsonl"
    write_program(host, "gate", GATE.format(gates=_gates(host)))
    write_program(host, "sync", SYNC.format(history=history, sync=shutil.which("sync")))


def write_program(host: LabHost, name: str, text: str) -> None:
    """Give a host a program of its own, which it finds before the machine's."""
    draft = host.bin / f".{name}"  # the old one may be at work
    draft.write_text(f"#!/bin/sh\n{text}\n")
    draft.chmod(0o755)
    draft.rename(host.bin / name)


def _gates(host: LabHost) -> Path:
    return host.home / "gates"


def mend_hosts(site: Site) -> None:
    """Open every gate, and restore what was done to hosts."""
    for host in site.lab.hosts:
        shutil.rmtree(_gates(host), ignore_errors=True)
        _gates(host).mkdir()
    mend(site.lab)


def only_new(text: str) -> str:
    """Return shell text that is for a newer release alone; OLD is always fine."""
    return f"grep -qx {OLD} VERSION && exit 0\n{text}"


def close_gate(hosts: Iterable[LabHost], name: str) -> None:
    """Make hosts stop at a gate."""
    for host in hosts:
        (_gates(host) / f"{name}.reached").unlink(missing_ok=True)
        (_gates(host) / name).touch()


def open_gate(hosts: Iterable[LabHost], name: str) -> None:
    """Let hosts pass a gate."""
    for host in hosts:
        (_gates(host) / name).unlink(missing_ok=True)


def await_gate(hosts: Iterable[LabHost], name: str) -> None:
    """Wait until every one of the hosts has come to a gate."""
    waiting = list(hosts)
    assert eventually(lambda: all(_reached(host, name) for host in waiting)), name


def starts(area: Area, version: str) -> contextlib.AbstractContextManager[Running]:
    """Start to apply a version, over connections that notice within seconds when a host hangs."""
    words = ("-e", f"version={version}", "-e", json.dumps({"ansible_ssh_common_args": _args(area)}))
    return area.start("apply", area.plan, *words, "--output", "json")


def _args(area: Area) -> str:
    return f"-o UserKnownHostsFile={area.site.lab.paths.known_hosts}{KEEPALIVE}"


def await_result(running: Running, host: str, action: Action) -> None:
    """Wait until the journal has an outcome of an action on a host."""
    assert eventually(lambda: bool(_results(running.stdout, host, action))), running.stdout


def _results(text: str, host: str, action: Action) -> list[str]:
    lines = (json.loads(line) for line in text.splitlines() if '"action_ended"' in line)
    return [e["result"] for e in lines if e["host"] == host and e["action"] == action]


def results(area: Area, host: str, action: Action, run: str = "last") -> list[Result]:
    """Return what came of an action on a host, each time it was tried."""
    return [
        event.result
        for event in area.events(run)
        if isinstance(event, ActionEnded) and event.host == host and event.action is action
    ]


def reason(area: Area, host: str, action: Action) -> str:
    """Return why an action on a host last came out as it did."""
    ended = (event for event in area.events() if isinstance(event, ActionEnded))
    return [e.reason for e in ended if e.host == host and e.action is action][-1]


def is_whole(disk: Disk, version: str) -> bool:
    """Tell whether a version is active on a disk, to the last byte."""
    if disk.version != version:
        return False
    release = disk.root / "releases" / disk.active
    manifest = json.loads((release / ".fleet/manifest.json").read_bytes())
    found = {
        str(file.relative_to(release)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in release.rglob("*")
        if file.is_file() and not file.is_symlink() and ".fleet" not in file.parts
    }
    return found == {entry["path"]: entry["sha256"] for entry in manifest["files"]}


def tree(*folders: Path) -> dict[str, tuple[object, ...]]:
    """Return all that lies below folders: its mode, content or target, inode and time of change."""
    return {str(path): _entry(path) for folder in folders for path in folder.rglob("*")}


def _entry(path: Path) -> tuple[object, ...]:
    about = path.lstat()
    found = (about.st_mode, about.st_ino, about.st_mtime_ns)
    if stat.S_ISLNK(about.st_mode):
        return (*found, str(path.readlink()))
    regular = stat.S_ISREG(about.st_mode)
    return (*found, hashlib.sha256(path.read_bytes()).hexdigest() if regular else "")


def hold_lock(disk: Disk) -> None:
    """Leave what a run leaves that has confirmed a release and is gone before the commit."""
    (disk.state / "lock").write_text(
        "lock_session='1.1'\nlock_boot='gone'\nlock_run='r-gone'\nlock_owner='bob@lost'\n"
        "lock_expires='99999999999'\nlock_token='1'\n"
    )
    last = (disk.state / "last").read_text()
    lines = [line for line in last.splitlines() if not line.startswith(("last_run", "last_out"))]
    lines = ["last_outcome='confirmed'", *lines, "last_run='r-gone'"]
    (disk.state / "last").write_text("\n".join(lines) + "\n")


def without_a_plan(area: Area, disk: Disk) -> tuple[str, ...]:
    """Return the flags by which an area's packages on a host are found without its plan."""
    where = {"fleet_root": str(disk.root.parent), "fleet_state": str(disk.state.parent)}
    return ("-i", str(area.site.lab.paths.inventory), "-e", json.dumps(where))


def watchdogs(area: Area, host: LabHost) -> list[str]:
    """Return the command lines of the watchdogs of an area's trials on a host."""
    state = f" {area.disk(host.name).state.parent} "
    lines = _running(area.site, host).values()
    return [line for line in lines if _is_watchdog(line) and state in f"{line} "]


def left_behind(site: Site, host: LabHost) -> list[str]:
    """Return the command lines of what runs on a host and belongs to no watchdog."""
    lines = _running(site, host).values()
    return [line for line in lines if not _is_watchdog(line) and not _starts_watchdogs(line)]


def _is_watchdog(line: str) -> bool:
    return "/program watchdog " in line


def _starts_watchdogs(line: str) -> bool:
    """Tell the shell that has started a watchdog, and would again."""
    return 'setsid sh "$0" watchdog "$@"' in line


def _running(site: Site, host: LabHost) -> dict[int, str]:
    """Return the command lines of a host's own processes, without the children of watchdogs."""
    found = own_processes(site.lab.paths, [host])
    lines = {process.identity.pid: _command_line(process.identity.pid) for process in found}
    parents = {process.identity.pid: process.parent for process in found}
    return {
        pid: line
        for pid, line in lines.items()
        if line and not _is_watchdog(lines.get(parents[pid], ""))
    }


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        return line.replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


@dataclass(frozen=True)
class Logins:
    """How many logins the sshd of a host has let in since this was made."""

    host: LabHost
    before: int

    @classmethod
    def of(cls, host: LabHost) -> Logins:
        return cls(host, _accepted(host))

    @property
    def count(self) -> int:
        return _accepted(self.host) - self.before


def _accepted(host: LabHost) -> int:
    return host.log.read_text(errors="replace").count("Accepted publickey")


def contacts(host: LabHost) -> int:
    """Return how often anyone has connected to the sshd of a host, whatever came of it."""
    lines = host.log.read_text(errors="replace").splitlines()
    return sum("Accepted" in line or "Connection" in line or "kex_" in line for line in lines)


def await_first(area: Area, gate: str) -> tuple[str, str]:
    """Wait until one of two hosts has come to a gate; return it, and the other one."""
    one, two = (area.site.lab.host(name) for name in area.hosts)
    assert eventually(lambda: _reached(one, gate) or _reached(two, gate))
    return (one.name, two.name) if _reached(one, gate) else (two.name, one.name)


def _reached(host: LabHost, gate: str) -> bool:
    return (_gates(host) / f"{gate}.reached").exists()
