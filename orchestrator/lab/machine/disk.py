"""A machine's disk: one ext4 file system in a file, which alone takes what the machine writes.

It is born with all that makes a machine this one: its name, its keys, its address. A machine that
fills it up leaves the box's own disk alone; a power cut loses what was not flushed to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.errors import LabError
from orchestrator.lab.debian import run_tool
from orchestrator.lab.machine.spec import Machine
from orchestrator.lab.processes import running
from orchestrator.lab.spec import LabPaths

SIZE = 1 << 30
FILLER = "filler"
"""The file that takes a disk's room: on the disk, but beside what the machine sees of it."""

# EXT4_IOC_SHUTDOWN, and its flag that neither data nor journal be flushed before (linux/ext4.h).
_SHUTDOWN = 0x8004587D
_NO_FLUSH = struct.pack("I", 2)
_HINT = "machines need mkfs.ext4 of e2fsprogs 1.43 or later: run `fleet lab setup --kind machine`"


def ensure_disk(machine: Machine, paths: LabPaths) -> None:
    """Make a machine's disk unless it is there."""
    if machine.image.exists():
        return
    with TemporaryDirectory(dir=machine.host.folder) as work:
        born = Path(work) / "born"
        for path, (mode, text) in _identity(machine, paths).items():
            _write(born / "upper" / path, mode, text)
        (born / "work").mkdir()
        draft = Path(work) / "disk.img"
        with draft.open("wb") as image:
            image.truncate(SIZE)
        run_tool(["mkfs.ext4", "-q", "-m", "0", "-d", str(born), str(draft)], hint=_HINT)
        draft.rename(machine.image)


def shut_down(machine: Machine) -> None:
    """Take the disk from under a machine that is frozen: what it has not flushed is lost."""
    with contextlib.suppress(OSError):
        descriptor = os.open(_mounted(machine), os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _NO_FLUSH)
        finally:
            os.close(descriptor)


def fill_up(machine: Machine, leave: int) -> None:
    """Take all of a running machine's disk but ``leave`` bytes; its own processes see no file."""
    machine.full_mark.touch()
    descriptor = os.open(_mounted(machine) / FILLER, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        _allocate(descriptor, leave)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _allocate(descriptor: int, leave: int) -> None:
    """Make an open file grow until only ``leave`` bytes are free."""
    step = SIZE
    while (step := min(step, _free(descriptor) - leave)) > 0:
        try:
            os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, step)
        except OSError:
            step //= 2


def _free(descriptor: int) -> int:
    """Return how many bytes the file system of an open file still gives to anyone."""
    found = os.fstatvfs(descriptor)
    return found.f_bavail * found.f_frsize


def free_up(machine: Machine) -> None:
    """Give a running machine back what `fill_up` took."""
    with contextlib.suppress(LabError):
        (_mounted(machine) / FILLER).unlink(missing_ok=True)


def _mounted(machine: Machine) -> Path:
    """Return the disk as seen from here: it is mounted for the machine's processes alone."""
    supply = running(machine.power_pid)
    if supply is None:
        raise LabError(
            f"{machine.host.name} is down", hint=f"run `fleet lab restore {machine.host.name}`"
        )
    return Path(f"/proc/{supply.pid}/root{machine.disk}")


def _identity(machine: Machine, paths: LabPaths) -> dict[str, tuple[int, str]]:
    """Return the files that make a machine this one: path → mode, text."""
    host = machine.host
    network = (
        "[Match]\nName=eth0\n\n[Network]\n"
        f"Address={host.address}/{machine.network.prefixlen}\n"
        "LinkLocalAddressing=no\nIPv6AcceptRA=no\nIgnoreCarrierLoss=yes\n"
    )
    return {
        "etc/hostname": (0o644, f"{host.name}\n"),
        "etc/hosts": (0o644, f"127.0.0.1 localhost\n127.0.1.1 {host.name}\n"),
        "etc/machine-id": (0o444, f"{uuid.uuid4().hex}\n"),
        "etc/systemd/network/lab.network": (0o644, network),
        "etc/ssh/ssh_host_ed25519_key": (0o600, host.key.read_text()),
        "root/.ssh/authorized_keys": (0o600, paths.authorized_keys.read_text()),
    }


def _write(path: Path, mode: int, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
