"""How a lab is founded, grows, and is cleared away: everything but its processes."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.addresses import PORTS, check_room, choose_block, taken
from orchestrator.lab.keys import ensure_client_key, ensure_host_keys
from orchestrator.lab.listing import write_inventory
from orchestrator.lab.login import user_name
from orchestrator.lab.machine import network
from orchestrator.lab.machine.disk import ensure_disk
from orchestrator.lab.machine.spec import Machine
from orchestrator.lab.machine.tree import obtain_tree
from orchestrator.lab.openssh import Sshd, obtain_sshd
from orchestrator.lab.record import Intent, Record, load
from orchestrator.lab.spec import LabKind, LabPaths

DEFAULT_HOSTS = 12
DEFAULT_MACHINES = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What a lab is asked to be; ``None`` leaves it as it is, or to a default."""

    hosts: int | None = None
    kind: LabKind | None = None
    network: IPv4Network | None = None
    cache: Path | None = None
    """Where an sshd that is not installed, or the tree of machines, is kept."""


def claim(paths: LabPaths) -> None:
    """Make the lab's folder; raise `LabError` if it holds something that is not a lab."""
    try:
        paths.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        foreign = {path.name for path in paths.directory.iterdir()} - {paths.lock.name}
    except OSError as error:
        raise LabError(
            f"cannot make a lab in {paths.directory}: {error.strerror}",
            hint="choose another folder with --dir",
        ) from error
    if foreign and not paths.record.exists():
        raise LabError(
            f"{paths.directory} holds other things than a lab",
            hint="choose an empty folder, or one that is not there yet",
        )


def found(paths: LabPaths, request: Request) -> Record:
    """Return the record of a new lab, or of the one that is there, grown as requested.

    All its hosts are meant to be up.

    Raises:
        LabError: the lab that is there is different, or what it needs cannot be had.

    """
    record = _grow(paths, load(paths), request) if paths.record.exists() else _new(paths, request)
    return record.intending(range(len(record.intents)), Intent())


def furnish(paths: LabPaths, record: Record) -> None:
    """Make the hosts' folders, the keys, ``known_hosts`` and the inventory."""
    hosts = record.hosts(paths)
    machines = record.kind is LabKind.MACHINE
    for host in hosts:
        for folder in (host.folder,) if machines else host.folders:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    ensure_client_key(paths)
    ensure_host_keys(paths, hosts)
    write_inventory(paths, hosts, user_name(), machines=machines)
    if machines:
        for host in hosts:
            ensure_disk(Machine(host, record.network), paths)


def clear_away(paths: LabPaths) -> None:
    """Remove what a lab has written, and its folder if nothing else is in it."""
    _make_removable(paths.hosts)
    shutil.rmtree(paths.hosts, ignore_errors=True)
    for file in paths.files:
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        paths.directory.rmdir()


def _new(paths: LabPaths, request: Request) -> Record:
    if request.kind is LabKind.MACHINE:
        return _new_machines(paths, request)
    hosts = DEFAULT_HOSTS if request.hosts is None else request.hosts
    kind, sshd = _choose_kind(request)
    if request.network:
        block, port = request.network, PORTS[0]
        check_room(block, hosts)
        _check_free(block, port, range(hosts))
    else:
        block, port = choose_block(paths.directory, hosts)
    return Record(kind, block, port, intents=(Intent(),) * hosts, sshd=sshd)


def _new_machines(paths: LabPaths, request: Request) -> Record:
    hosts = DEFAULT_MACHINES if request.hosts is None else request.hosts
    if request.network:
        raise LabError(
            "the network of machines is not yours to choose",
            hint=f"leave it out: they get a part of {network.RANGE}",
        )
    network.check_room(hosts)
    tree = obtain_tree(request.cache)
    block = network.claim_block(paths.directory)
    return Record(LabKind.MACHINE, block, network.PORT, intents=(Intent(),) * hosts, tree=tree)


def _grow(paths: LabPaths, record: Record, request: Request) -> Record:
    before = len(record.intents)
    hosts = before if request.hosts is None else request.hosts
    _check_same(paths, record, request, hosts)
    if record.kind is LabKind.MACHINE:
        network.check_room(hosts)
        # A disk lies upon the very tree that it was made for; should that be gone, it is made anew.
        obtain_tree(record.tree and record.tree.parent)
    else:
        check_room(record.network, hosts)
        _check_free(record.network, record.port, range(before, hosts))
    if record.sshd and not os.access(record.sshd.path, os.X_OK):
        record = replace(record, sshd=obtain_sshd(request.cache))
    return replace(record, intents=(Intent(),) * hosts)


def _check_same(paths: LabPaths, record: Record, request: Request, hosts: int) -> None:
    differences = {
        f"is of kind {record.kind}": request.kind not in (None, record.kind),
        f"is in {record.network}": request.network not in (None, record.network),
        f"has {len(record.intents)} hosts already": hosts < len(record.intents),
    }
    for difference, differs in differences.items():
        if differs:
            raise LabError(
                f"the lab in {paths.directory} {difference}",
                hint="take it down first, or use another folder",
            )


def _check_free(block: IPv4Network, port: int, indexes: range) -> None:
    if address := taken(block, port, indexes):
        raise LabError(
            f"something listens at {address}, port {port} or {port + 1}, already",
            hint="take down the lab that does, or name another network",
        )


def _choose_kind(request: Request) -> tuple[LabKind, Sshd | None]:
    """Return the kind, and the sshd to use; real OpenSSH is preferred where it can be had."""
    if request.kind is LabKind.EMBEDDED:
        return LabKind.EMBEDDED, None
    try:
        return LabKind.SSHD, obtain_sshd(request.cache)
    except LabError:
        if request.kind is LabKind.SSHD:
            raise
        return LabKind.EMBEDDED, None


def _make_removable(folder: Path) -> None:
    """Give ourselves the right to empty every folder: releases may be read-only."""
    for parent, names, _ in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
