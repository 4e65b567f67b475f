"""Debian packages: installed with apt as root; without, unpacked with dpkg-deb into a folder."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestrator.errors import LabError


def unpack_program(package: str, program: str, tree: Path, work: Path, *, hint: str) -> None:
    """Unpack a package into ``tree``, with the libraries that ``program`` lacks on this machine.

    Args:
        package: name of the package.
        program: path of the program inside the package.
        tree: the folder to unpack into.
        work: an empty folder for downloads.
        hint: what to do when this fails.

    Raises:
        LabError: apt or dpkg-deb is missing or failed, or a library cannot be had.

    """
    apt = _Apt(work, hint)
    wanted, seen = [package], {package}
    while wanted:
        archives = [apt.download(name) for name in wanted]
        for archive in archives:
            run_tool(["dpkg-deb", "-x", str(archive), str(tree)], hint=hint)
        missing = _missing_libraries(tree / program, tree)
        if not missing:
            return
        needed = {name for archive in archives for name in _library_packages(archive, hint)}
        wanted = sorted(name for name in needed - seen if not _is_installed(name))
        seen |= needed
    raise LabError(f"{package} was unpacked, but lacks {', '.join(missing)}", hint=hint)


def install_packages(packages: Iterable[str], *, hint: str) -> None:
    """Install packages, as root.

    Raises:
        LabError: apt is missing or failed.

    """
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    wanted = sorted(set(packages))
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
        run_tool(["apt-get", "-q", *arguments], hint=hint, environment=environment)


def run_tool(
    argv: Sequence[str],
    *,
    hint: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a tool to its end and return its output.

    Raises:
        LabError: it is missing, or it failed; the message has its last line.

    """
    try:
        result = subprocess.run(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise LabError(f"cannot run {argv[0]}: {error.strerror}", hint=hint) from error
    if result.returncode:
        last = (result.stderr.strip() or "no message").splitlines()[-1]
        raise LabError(f"{argv[0]} failed: {last}", hint=hint)
    return result.stdout


class _Apt:
    """Downloads packages; fetches lists of its own where the system's are missing or too old."""

    def __init__(self, work: Path, hint: str) -> None:
        self._work = work
        self._hint = hint
        self._options: list[str] = []

    def download(self, package: str) -> Path:
        """Return the path of the package's archive; apt has checked its signed hash."""
        folder = self._work / f"download-{package}"
        folder.mkdir()
        try:
            self._get(folder, "download", package)
        except LabError:
            if self._options:
                raise
            self._fetch_lists()
            self._get(folder, "download", package)
        return next(folder.glob("*.deb"))

    def _fetch_lists(self) -> None:
        lists, cache = self._work / "lists", self._work / "cache"
        for folder in (lists, cache / "archives"):
            (folder / "partial").mkdir(parents=True)
        self._options = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]
        self._get(self._work, "update")

    def _get(self, folder: Path, *arguments: str) -> None:
        run_tool(["apt-get", "-q", *self._options, *arguments], hint=self._hint, folder=folder)


def _missing_libraries(program: Path, tree: Path) -> list[str]:
    folders = sorted({str(library.parent) for library in tree.rglob("lib*.so*")})
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(folders), "LC_ALL": "C"}
    output = run_tool(["ldd", str(program)], hint="", environment=environment)
    return re.findall(r"^\s*(\S+) => not found", output, flags=re.MULTILINE)


def _library_packages(archive: Path, hint: str) -> list[str]:
    """Return the ``lib…`` packages in a package's Depends, the first of each alternative."""
    depends = run_tool(["dpkg-deb", "-f", str(archive), "Pre-Depends", "Depends"], hint=hint)
    return re.findall(r"(?:^|[:,])\s*(lib[a-z0-9.+-]+)", depends, flags=re.MULTILINE)


def _is_installed(package: str) -> bool:
    result = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout == "installed"
