"""The Debian tree that all machines share: made once by debootstrap, and kept in a cache.

It is named after its recipe, so that another recipe gets another tree. It is made under another
name and renamed when it is whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.debian import install_packages, run_tool
from orchestrator.lab.openssh import default_cache

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "unshare": "util-linux",
    "mount": "mount",
    "mkfs.ext4": "e2fsprogs",
}
"""What machines need on the box, and Debian's package for each."""

SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "libpam-systemd", "dbus"),
    *("openssh-server", "iproute2", "procps"),
)
MIRROR = "FLEET_DEBIAN_MIRROR"
"""The environment variable that names another mirror than debootstrap's own."""

_SETUP = "run `fleet lab setup --kind machine` as root (Debian or Ubuntu)"

# Nothing that starts by itself and disturbs a test: no look for updates, no clean-up of disks.
_MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer"),
    *("e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "console-getty.service"),
)
_ENABLED = ("multi-user.target.wants/systemd-networkd.service",)
_REMOVED = (
    *("etc/ssh/ssh_host_*", "var/cache/apt/archives/*.deb", "var/lib/apt/lists/*"),
    *("usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "var/cache/apt/*.bin"),
)
_FILES = {
    "etc/ssh/sshd_config.d/lab.conf": (
        "HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin prohibit-password\n"
        "MaxAuthTries 20\nMaxSessions 100\nMaxStartups 1000\n"
    ),
    # As on a computer, what the last boot said can be read in the next.
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=32M\n",
}


def check_box() -> None:
    """Raise `LabError` unless this user can run machines on this box."""
    if os.geteuid() != 0:
        raise LabError(
            "machines need root: they have disks, networks and control groups of their own",
            hint="run as root, or use `--kind sshd`, which needs none",
        )
    for name in PROGRAMS:
        program(name)


def program(name: str) -> str:
    """Return the path of one of the programs; raise `LabError` if it is missing."""
    if path := shutil.which(name):
        return path
    raise LabError(f"machines need {name}, missing on this box", hint=_SETUP)


def install_needs() -> None:
    """Install what machines need, as root; for a set-up command, never on the way to a lab."""
    install_packages(PROGRAMS.values(), hint=f"install {', '.join(PROGRAMS)} by hand")


def obtain_tree(cache: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the tree; made first, in about a minute, if it is not in the cache.

    Raises:
        LabError: this box or user cannot, or debootstrap failed.

    """
    check_box()
    shelf = cache or default_cache().with_name("machine")
    shelf.mkdir(parents=True, exist_ok=True)
    tree = shelf / f"{SUITE}-{_recipe()}"
    with (shelf / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            draft = shelf / "new"
            shutil.rmtree(draft, ignore_errors=True)
            _build(draft, environ.get(MIRROR, ""), shelf / "debootstrap.log")
            draft.rename(tree)
    return tree


def _build(draft: Path, mirror: str, log: Path) -> None:
    # In namespaces of its own: what debootstrap mounts and starts goes with it, however it ends.
    isolated = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    command = (
        *(*isolated, "debootstrap", "--variant=minbase", "--force-check-gpg"),
        *(f"--include={','.join(PACKAGES)}", SUITE, str(draft), *filter(None, (mirror,))),
    )
    script = 'log=$1; shift; "$@" >"$log" 2>&1 || { grep -a "^[EW]:" "$log" >&2; exit 1; }'
    run_tool(["sh", "-c", script, "sh", str(log), *command], hint=f"see {log}")
    _finish(draft)


def _finish(tree: Path) -> None:
    """Remove what only takes room, and set the tree up as the system of a lab's machine."""
    for pattern in _REMOVED:
        for path in tree.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    units = tree / "etc/systemd/system"
    for name in _MASKED:
        _link(units / name, "/dev/null")
    for name in _ENABLED:
        _link(units / name, f"/lib/systemd/system/{Path(name).name}")
    for name, text in _FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _recipe() -> str:
    """Return a name for all that decides what is in the tree."""
    recipe = (SUITE, PACKAGES, _MASKED, _ENABLED, _REMOVED, sorted(_FILES.items()))
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]
