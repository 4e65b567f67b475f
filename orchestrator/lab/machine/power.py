"""The power supply of one machine: boots it, and again whenever it asks for a reboot.

Run as ``python -m orchestrator.lab.machine.power FOLDER TREE MACHINE BRIDGE MAC`` in a mount
namespace of its own, so that what it mounts is there for the machine alone, and goes with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.debian import run_tool
from orchestrator.lab.machine.disk import FILLER
from orchestrator.lab.machine.spec import FULL_MARK
from orchestrator.lab.processes import wait_until

REBOOT = 133
"""The exit code by which systemd-nspawn asks to be started again."""

_BOOT = Path(__file__).with_name("boot.sh")
_CGROUPS = Path("/sys/fs/cgroup")
_LOOPS = Path("/sys/block")
_PATIENCE = 20.0
_HINT = "see whether the box has overlayfs and loop devices"


def supply(folder: Path, tree: str, machine: str, bridge: str, mac: str) -> int:
    """Boot a machine until it is switched off; return how it ended."""
    os.chdir(folder)
    _mount("-t", "cgroup2", "cgroup2", str(_CGROUPS))
    group = _CGROUPS / f"fleet-{machine}" / "power"
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text(f"{os.getpid()}\n")
    _plug_disk(folder, tree)
    status = REBOOT
    while status == REBOOT:
        status = _boot(machine, bridge, mac)
    return status


def _plug_disk(folder: Path, tree: str) -> None:
    """Mount disk and tree as one system; paths are relative, since overlayfs has its own quotes."""
    # The kernel takes its time to unmount the disk when the last process of a boot has gone.
    if not wait_until(lambda: not _attached(folder / "disk.img"), _PATIENCE):
        raise LabError(f"{folder / 'disk.img'} is still in use", hint="see `losetup --list`")
    for name in ("disk", "tree", "system"):
        Path(name).mkdir(exist_ok=True)
    _mount("-o", "loop", "disk.img", "disk")
    if not Path(FULL_MARK).exists():
        Path("disk", FILLER).unlink(missing_ok=True)
    _mount("--bind", tree, "tree")
    _mount(
        *("-t", "overlay", "-o", "lowerdir=tree,upperdir=disk/upper,workdir=disk/work"),
        *("overlay", "system"),
    )


def _boot(machine: str, bridge: str, mac: str) -> int:
    """Boot once, with clocks that begin at nought, as those of a computer do."""
    # The port of an earlier boot may outlive it for a moment.
    subprocess.run(["ip", "link", "delete", machine], stderr=subprocess.DEVNULL, check=False)
    clocks = {"--boottime": time.CLOCK_BOOTTIME, "--monotonic": time.CLOCK_MONOTONIC}
    offsets = [f"{name}=-{int(time.clock_gettime(clock))}" for name, clock in clocks.items()]
    return subprocess.run(
        [
            *("unshare", "--net", "--time", *offsets, "--fork", "--kill-child"),
            *("sh", str(_BOOT), machine, bridge, mac, str(os.getpid())),
        ],
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


def _attached(image: Path) -> bool:
    """Tell whether a loop device still has the image."""
    for backing in _LOOPS.glob("loop*/loop/backing_file"):
        try:
            if backing.read_text().strip() == str(image):
                return True
        except OSError:
            continue
    return False


def _mount(*arguments: str) -> None:
    run_tool(["mount", *arguments], hint=_HINT)


if __name__ == "__main__":
    try:
        sys.exit(supply(Path(sys.argv[1]), *sys.argv[2:]))
    except (LabError, OSError) as failure:
        sys.exit(f"power supply: {failure}")
