"""A store on a web server that only serves files: indexes by ETag, downloads that go on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import httpx

from orchestrator.bundles import layout
from orchestrator.bundles.sources.index import Entry
from orchestrator.bundles.sources.store import expect_short
from orchestrator.bundles.sources.web import Again, Patience, Web
from orchestrator.bundles.sources.writing import writing
from orchestrator.errors import BundleError, FleetError, Position, Problem

_BEGINS = re.compile(r"bytes (\d+)-")


@dataclass(frozen=True, slots=True)
class HttpShelf:
    """The store at a URL; ``folder`` keeps its indexes, and downloads that are not complete."""

    web: Web
    folder: Path

    @classmethod
    def at(
        cls, url: str, folder: Path, environ: Mapping[str, str], patience: Patience | None = None
    ) -> HttpShelf:
        """Return the store at ``url``; ``environ`` may have credentials for it."""
        return cls(Web(url.rstrip("/") + "/", environ, patience or Patience()), folder)

    @property
    def place(self) -> str:
        """Return the URL."""
        return self.web.url.rstrip("/")

    def index(self, name: str) -> bytes | None:
        """Return an index, fetched only if it changed; raises FleetError."""
        return self.web.patiently(partial(self._index, name))

    @contextmanager
    def open(self, name: str, entry: Entry) -> Iterator[BinaryIO]:
        """Fetch a file, or the rest of it, and lend it; a complete one goes when it was used."""
        part = self.folder / f"{entry.sha256}.part"
        with writing(part):
            self.folder.mkdir(parents=True, exist_ok=True)
            file = part.open("a+b", buffering=0)
        with file:
            with writing(part):
                self._complete(name, entry, file)
                file.seek(0)
            yield file
        part.unlink(missing_ok=True)

    def _index(self, name: str) -> bytes | None:
        kept = self.folder / f"{hashlib.sha256(f'{self.web.url}{name}'.encode()).hexdigest()}.index"
        etag, raw = _read_kept(kept)
        headers = {"If-None-Match": etag} if etag else {}
        with self.web.get(name, headers, accept=(200, 304, 404)) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            if response.status_code == httpx.codes.NOT_MODIFIED and etag:
                return raw
            raw = _body(response, f"{self.web.url}{name}")
        _keep(kept, response.headers.get("ETag", ""), raw)
        return raw

    def _complete(self, name: str, entry: Entry, file: BinaryIO) -> None:
        """Fetch until all is there; what an earlier command left is given up if it is wrong."""
        resumed = _length(file) > 0
        self._room(entry.size - _length(file))
        try:
            self._fill(name, entry, file)
        except BundleError:
            if not resumed:
                raise
            self._fill(name, entry, file)

    def _fill(self, name: str, entry: Entry, file: BinaryIO) -> None:
        while (have := _length(file)) < entry.size:
            self.web.patiently(partial(self._more, name, entry, file, have))
        if _sha256(file) != entry.sha256:
            raise self._another(name, file, "its sha256 is not what the store's index says")

    def _more(self, name: str, entry: Entry, file: BinaryIO, mark: int) -> None:
        """Fetch what a single connection gives; raises Again if we do not come past ``mark``."""
        have = _length(file)
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with self.web.get(name, headers, accept=(200, 206, 416)) as response:
                if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise self._another(name, file, "shorter than the store's index says")
                if response.status_code == httpx.codes.OK:
                    file.truncate(0)
                elif not _goes_on(response, have):
                    raise self._another(name, file, "the server sends another range")
                for chunk in response.iter_raw():
                    if _length(file) + len(chunk) > entry.size:
                        raise self._another(name, file, "longer than the store's index says")
                    file.write(chunk)
        except Again:
            if _length(file) <= mark:
                raise
        if _length(file) <= mark:
            raise Again(f"{self.web.url}{name}", "the connection ends too early")

    def _another(self, name: str, file: BinaryIO, what: str) -> BundleError:
        """Give up what was fetched: it is not the file that the index names."""
        file.truncate(0)
        mend = "run the command again; if it stays so, push the bundle to the store again"
        return BundleError(Problem(Position(f"{self.web.url}{name}"), "", what, mend))

    def _room(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            hint = "make room there: fleet bundle prune --cache 1GiB"
            raise FleetError(f"{self.folder}: {needed} bytes are needed, {free} free", hint=hint)


def _goes_on(response: httpx.Response, have: int) -> bool:
    """Return whether the part of the file in the body begins where we stopped."""
    begins = _BEGINS.match(response.headers.get("Content-Range", ""))
    return begins is not None and int(begins[1]) == have


def _body(response: httpx.Response, place: str) -> bytes:
    raw = bytearray()
    for chunk in response.iter_raw(layout.CHUNK):
        raw += chunk
        expect_short(raw, place)
    return bytes(raw)


def _keep(path: Path, etag: str, raw: bytes) -> None:
    """Keep an index with its ETag, if it has one that can be sent back."""
    if not (etag and etag.isascii() and etag.isprintable()):
        return
    fresh = path.with_suffix(f".{os.getpid()}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        head = json.dumps([etag, hashlib.sha256(raw).hexdigest()])
        fresh.write_bytes(head.encode() + b"\n" + raw)
        fresh.rename(path)


def _read_kept(path: Path) -> tuple[str, bytes]:
    """Return an index and its ETag; nothing if it is not what was kept (a crash may cut it)."""
    try:
        head, _, raw = path.read_bytes().partition(b"\n")
        etag, sha256 = json.loads(head)
    except (OSError, ValueError, TypeError):
        return "", b""
    return (str(etag), raw) if sha256 == hashlib.sha256(raw).hexdigest() else ("", b"")


def _length(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(layout.CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
