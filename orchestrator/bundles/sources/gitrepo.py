"""Asking a git repository for its tags and the files of a commit, by the ``git`` command.

The repository is hostile until its bundle's signature holds: no hook, filter, attribute or
submodule of it is ever used, and files are written as their bytes are stored.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from orchestrator.bundles import layout
from orchestrator.bundles.sources.writing import alone
from orchestrator.bundles.tree import MAX_PATH, path_flaw, shown
from orchestrator.errors import BundleError, FleetError, InputError

PATIENCE = 900
"""Seconds that one command may take."""

_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "fetch.fsckObjects=true",
    "submodule.recurse=false",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "protocol.file.allow=always",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=60",
)
_KEPT = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_CONFIG_GLOBAL")
"""Variables of git's own that a user may have set; others would lead to other repositories."""

_LINK, _SUBMODULE = "120000", "160000"
_MODES = {"100644": 0o644, "100664": 0o644, "100755": 0o755}
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, link or submodule of a commit; ``path`` is seen from the folder that was asked."""

    mode: str
    blob: str
    path: str


class _Blobs:
    """Reads blobs from a running ``git cat-file --batch``."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._asked = cast("IO[bytes]", process.stdin)
        self._said = cast("IO[bytes]", process.stdout)

    def read(self, blob: str) -> Iterator[bytes]:
        """Yield the bytes of a blob."""
        self._asked.write(f"{blob}\n".encode())
        self._asked.flush()
        name, *rest = self._said.readline().split()
        if len(rest) != 2 or name != blob.encode():
            raise FleetError(f"git does not give object {blob}", hint="fetch the repository anew")
        left = int(rest[1])
        while left:
            chunk = self._said.read(min(left, layout.CHUNK))
            if not chunk:
                raise FleetError(f"git ended within object {blob}")
            left -= len(chunk)
            yield chunk
        self._said.read(1)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at ``url``; what is fetched goes into the bare repository ``folder``."""

    url: str
    folder: Path
    environ: Mapping[str, str]

    def tags(self) -> dict[str, str]:
        """Return tags and the objects that they stand for now; raises FleetError."""
        raw = self._git("ls-remote", "--tags", "--", self.url, inside=False)
        found: dict[str, str] = {}
        for line in raw.decode(
            errors="replace"
        ).splitlines():  # an annotated tag's commit follows it, as name^{}
            commit, _, name = line.partition("\trefs/tags/")
            found[name.removesuffix("^{}")] = commit
        return found

    def fetch(self, tag: str) -> str:
        """Fetch a tag and return its commit; raises FleetError."""
        with alone(self.folder.with_suffix(".lock")):
            return self._fetch(tag)

    def _fetch(self, tag: str) -> str:
        if not (self.folder / "HEAD").exists():
            self._git("init", "--quiet", "--bare", "--template=", str(self.folder), inside=False)
        asked = ("--no-tags", "--force", "--no-recurse-submodules", "--", self.url)
        name = f"refs/tags/{tag}:refs/tags/{tag}"
        try:
            self._git("fetch", "--quiet", "--depth=1", *asked, name)
        except FleetError:  # not every server can do a part
            self._git("fetch", "--quiet", *asked, name)
        return self._git("rev-parse", "--verify", f"refs/tags/{tag}^{{commit}}").decode().strip()

    def time(self, commit: str) -> int:
        """Return when a commit was made, in seconds since the epoch."""
        return int(self._git("show", "--no-patch", "--no-show-signature", "--format=%ct", commit))

    def entries(self, commit: str, folder: str) -> list[Entry]:
        """Return what is in a folder of a commit; raises BundleError if there is no such folder."""
        tree = f"{commit}:{folder}"
        try:
            raw = self._git("ls-tree", "-r", "-z", "--full-tree", tree)
        except FleetError:
            what = f"no folder '{shown(folder)}' in commit {commit[:12]}"
            raise BundleError.at(self.url, what, "mend 'folder' in the plan") from None
        return [self._entry(line) for line in raw.split(b"\0") if line]

    def write(self, entries: Iterable[Entry], to: Path) -> None:
        """Write entries below a fresh folder; raises BundleError for what no bundle can hold."""
        links = []
        with subprocess.Popen(
            self._command("cat-file", "--batch"),
            env=self._environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            blobs = _Blobs(process)
            for entry in entries:
                if entry.mode == _LINK:
                    links.append(entry)
                else:
                    self._write_file(blobs, entry, to)
            for link in links:  # last, so that nothing is ever written through one
                self._write_link(blobs, link, to)

    def _write_file(self, blobs: _Blobs, entry: Entry, to: Path) -> None:
        place = _made(to / entry.path)
        with place.open("xb") as file:
            for number, chunk in enumerate(blobs.read(entry.blob)):
                if not number and chunk.startswith(_POINTER):
                    what = f"'{shown(entry.path)}' is in Git LFS, which fleet does not fetch"
                    raise BundleError.at(self.url, what, "store the file itself in the tag")
                file.write(chunk)
        place.chmod(_MODES[entry.mode])

    def _entry(self, line: bytes) -> Entry:
        head, _, raw = line.partition(b"\t")
        mode, _, blob = head.decode().split()
        path = raw.decode(errors="surrogateescape")
        if mode == _SUBMODULE:
            what = f"'{shown(path)}' is a submodule, which fleet does not fetch"
            raise BundleError.at(self.url, what, "put its files into the repository")
        if (flaw := path_flaw(path)) or (mode != _LINK and mode not in _MODES):
            raise BundleError.at(self.url, f"'{shown(path)}': {flaw or f'mode {mode}'}", "mend it")
        return Entry(mode, blob, path)

    def _write_link(self, blobs: _Blobs, entry: Entry, to: Path) -> None:
        target = b""
        for chunk in blobs.read(entry.blob):
            target += chunk
            if b"\0" in target or len(target) > MAX_PATH:
                raise self._broken(entry)
        if not target:
            raise self._broken(entry)
        _made(to / entry.path).symlink_to(os.fsdecode(target))

    def _broken(self, entry: Entry) -> InputError:
        return BundleError.at(self.url, f"'{shown(entry.path)}': a broken link", "mend it")

    def _git(self, *arguments: str, inside: bool = True) -> bytes:
        try:
            done = subprocess.run(
                self._command(*arguments, inside=inside),
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                start_new_session=True,
                check=False,
            )
        except FileNotFoundError:
            raise FleetError("git is not installed", hint="install it") from None
        except subprocess.TimeoutExpired:
            what = f"{self.url}: git {arguments[0]} took longer than {PATIENCE} s"
            raise FleetError(what, hint="look at the network") from None
        if done.returncode:
            said = shown(" ".join(done.stderr.decode(errors="replace").split())[-500:])
            hint = "try the same with git by hand; passwords are never asked for"
            raise FleetError(f"{self.url}: git {arguments[0]}: {said}", hint=hint)
        return done.stdout

    def _command(self, *arguments: str, inside: bool = True) -> list[str]:
        options = [part for option in _OPTIONS for part in ("-c", option)]
        place = [f"--git-dir={self.folder}"] if inside else []
        return ["git", *options, *place, *arguments]

    def _environ(self) -> dict[str, str]:
        ours = ("GIT_", "FLEET_")
        kept = {k: v for k, v in self.environ.items() if not k.startswith(ours) or k in _KEPT}
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "SSH_ASKPASS_REQUIRE": "never"}
        return kept | quiet | {"LC_ALL": "C"}


def _made(place: Path) -> Path:
    """Return a place whose parents are there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
