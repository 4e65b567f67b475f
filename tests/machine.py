"""What the tests need of the machine: installed as root, unpacked into a folder by anyone else.

``python -m tests.machine FOLDER`` gets what is missing, and only that. Programs that were unpacked
are then in ``FOLDER/bin``, to be put on the PATH; sshd is where a lab looks for it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.errors import LabError
from orchestrator.lab.debian import install_packages, unpack_program
from orchestrator.lab.machine.tree import PROGRAMS
from orchestrator.lab.openssh import obtain_sshd

PACKAGES = {
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ssh-agent": "openssh-client",
    "ssh-add": "openssh-client",
    "dash": "dash",
    "bash": "bash",
    "busybox": "busybox",
    "mawk": "mawk",
    "gawk": "gawk",
    "original-awk": "original-awk",
    "dropbear": "dropbear-bin",
    "dropbearkey": "dropbear-bin",
    "curl": "curl",
    "wget": "wget",
    "zstd": "zstd",
    "setsid": "util-linux",
    "git": "git",
}
"""Debian's package for each program."""

ONLY_FOR_ROOT = {"sudo": "sudo", "doas": "opendoas", "openssl": "openssl", **PROGRAMS}
"""Of use only where tests may become another user; elsewhere stand-ins do."""

PLACES = ("usr/bin", "bin", "usr/sbin")
"""Where packages have programs: Debian has moved them from /bin to /usr/bin one by one."""

WHERE_DEBIAN_HAS_IT = {"vagrant": "vagrant"}
"""Not in every release of Debian, and installed by root alone."""

SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
HINT = "install {} by hand, or run `make test` as root on Debian or Ubuntu"


def lacking(wanted: dict[str, str], path: str = SEARCH_PATH) -> dict[str, str]:
    """Return those of the programs that are not on a search path."""
    return {name: package for name, package in wanted.items() if not shutil.which(name, path=path)}


def fetch(name: str, folder: Path) -> None:
    """Put a program into ``folder/bin``; what its package holds besides goes below ``folder``."""
    shelf = folder / "bin"
    shelf.mkdir(parents=True, exist_ok=True)
    if name == "sshd":
        sshd = obtain_sshd()
        wrap(shelf / name, sshd.path, sshd.libraries, *helper_options(sshd.helpers))
        return
    tree = folder / PACKAGES[name]
    if not tree.exists():
        unpack(name, tree)
    program = next(tree / place / name for place in PLACES if (tree / place / name).exists())
    wrap(shelf / name, program, {path.parent for path in tree.rglob("lib*.so*")})


def unpack(name: str, tree: Path) -> None:
    """Unpack a program's package, with the libraries that it lacks."""
    trouble = None
    for place in PLACES:
        with TemporaryDirectory(dir=tree.parent) as work:
            draft = Path(work) / "tree"
            hint = HINT.format(PACKAGES[name])
            try:
                unpack_program(PACKAGES[name], f"{place}/{name}", draft, Path(work), hint=hint)
            except LabError as error:
                trouble = error
            else:
                draft.rename(tree)
                return
    raise trouble or AssertionError


def helper_options(folder: Path | None) -> list[str]:
    """Return the options that name sshd's own programs where it does not look for them."""
    helpers = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}
    return [
        f"-o{option}={folder / helper}"
        for option, helper in helpers.items()
        if folder and (folder / helper).exists()
    ]


def wrap(link: Path, program: Path, libraries: Iterable[Path], *options: str) -> None:
    """Make ``link`` start a program; a plain link where nothing needs to be added."""
    link.unlink(missing_ok=True)
    search = ":".join(sorted(map(str, libraries)))
    if not search and not options:
        link.symlink_to(program)
        return
    command = shlex.join([str(program), *options])
    link.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={shlex.quote(search)} exec {command} "$@"\n')
    link.chmod(0o755)


def main(folder: Path) -> None:
    """Get what is missing."""
    if os.geteuid() == 0:
        if missing := lacking(PACKAGES | ONLY_FOR_ROOT):
            install_packages(missing.values(), hint=HINT.format(", ".join(missing.values())))
        for package in lacking(WHERE_DEBIAN_HAS_IT).values():
            with contextlib.suppress(LabError):
                install_packages([package], hint=HINT.format(package))
        return
    for name in lacking(PACKAGES, f"{SEARCH_PATH}:{folder / 'bin'}"):
        fetch(name, folder)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).absolute())
    except LabError as error:
        sys.exit(f"error: {error}")
