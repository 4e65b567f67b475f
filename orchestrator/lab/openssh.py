"""OpenSSH's ``sshd``: the one that is installed, or Debian's package unpacked into a cache.

An unprivileged user can run ``sshd`` on a high port when it does not ask for PAM, so it need not
be installed: the package is downloaded with apt, which checks its signature, and only unpacked.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.errors import LabError
from orchestrator.lab.debian import install_packages, unpack_program
from orchestrator.lab.login import check_login

INSTALLED = tuple(map(Path, ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/lib/ssh/sshd")))
PACKAGE = "openssh-server"

_SESSION_HELPER = "sshd-session"
_HINT = "install openssh-server, or use `--kind embedded`, which needs nothing but Python"


@dataclass(frozen=True, slots=True)
class Sshd:
    """An ``sshd`` that runs on this machine."""

    path: Path
    version: tuple[int, int]
    libraries: tuple[Path, ...] = ()
    """Folders of shared libraries that came with it."""
    helpers: Path | None = None
    """The folder of its ``sshd-session`` and ``sshd-auth``, when not where it was built for."""

    @property
    def environment(self) -> dict[str, str]:
        """What it must find in its own environment; sessions do not inherit it."""
        return {"LD_LIBRARY_PATH": ":".join(map(str, self.libraries))} if self.libraries else {}

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "path": str(self.path),
            "version": list(self.version),
            "libraries": [str(folder) for folder in self.libraries],
            "helpers": self.helpers and str(self.helpers),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> Sshd:
        """Read what `to_dict` wrote; raise `ValueError` for anything else."""
        match document:
            case {
                "path": str(path),
                "version": [int(major), int(minor)],
                "libraries": list(libraries),
                "helpers": None | str() as helpers,
            }:
                folders = tuple(Path(str(folder)) for folder in libraries)
                return cls(Path(path), (major, minor), folders, Path(helpers) if helpers else None)
        raise ValueError(document)


def default_cache() -> Path:
    """Return the folder for unpacked packages: ``$XDG_CACHE_HOME/fleet/openssh``."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "fleet" / "openssh"


def find_sshd(candidates: Sequence[Path] = INSTALLED) -> Sshd | None:
    """Return the first ``sshd`` of the candidates that is there and starts."""
    for path in candidates:
        if os.access(path, os.X_OK) and (sshd := _examine(path, (), None)):
            return sshd
    return None


def obtain_sshd(cache: Path | None = None, candidates: Sequence[Path] = INSTALLED) -> Sshd:
    """Return an ``sshd``: installed, or else unpacked into the cache without root.

    Raises:
        LabError: neither can be had, or this user cannot log in over SSH at all.

    """
    check_login()
    if sshd := find_sshd(candidates):
        return sshd
    if os.geteuid() == 0:
        # sshd as root insists on the system user that only installing the package creates.
        raise LabError("sshd is not installed", hint=_HINT)
    return fetch_sshd(cache or default_cache())


def install_sshd() -> Sshd:
    """Install Debian's package, as root; for a set-up command, never on the way to a lab.

    Raises:
        LabError: apt failed, or there is none.

    """
    install_packages([PACKAGE], hint=_HINT)
    sshd = find_sshd()
    if sshd is None:
        raise LabError(f"{PACKAGE} is installed, but its sshd does not start", hint=_HINT)
    return sshd


def fetch_sshd(cache: Path) -> Sshd:
    """Unpack Debian's package and the libraries it lacks below ``cache``; needs no root.

    Raises:
        LabError: there is no apt, or it cannot fetch the packages.

    """
    cache.mkdir(parents=True, exist_ok=True)
    tree = cache / PACKAGE
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            with TemporaryDirectory(dir=cache) as work:
                draft = Path(work) / "tree"
                unpack_program(PACKAGE, "usr/sbin/sshd", draft, Path(work), hint=_HINT)
                draft.rename(tree)
    return _in_tree(tree)


def _in_tree(tree: Path) -> Sshd:
    folders = sorted({library.parent for library in tree.rglob("lib*.so*")})
    helpers = tree / "usr/lib/openssh"
    has_helpers = (helpers / _SESSION_HELPER).exists()
    sshd = _examine(tree / "usr/sbin/sshd", tuple(folders), helpers if has_helpers else None)
    if sshd is None:
        raise LabError(f"the sshd in {tree} does not start", hint=f"remove {tree} and try again")
    return sshd


def _examine(path: Path, libraries: tuple[Path, ...], helpers: Path | None) -> Sshd | None:
    """Start ``sshd -V``: older ones refuse the option, but name their version all the same."""
    draft = Sshd(path, (0, 0), libraries, helpers)
    try:
        result = subprocess.run(
            [path, "-V"],
            env=draft.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError:
        return None
    match = re.search(r"OpenSSH_(\d+)\.(\d+)", result.stderr + result.stdout)
    return match and replace(draft, version=(int(match[1]), int(match[2])))
