"""A real web server on loopback that serves a folder, with ranges and ETags, and with faults."""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request for a path that ends as ``of``."""

    of: str = ".fleet"
    status: int = 0
    cut: int | None = None
    """Bytes of the body after which the connection is cut."""
    ranges: bool = True
    body: bytes | None = None
    location: str = ""
    begin: int | None = None
    """Where the server says that the range begins."""


@dataclass
class Server:
    root: Path
    url: str = ""
    password: str = ""
    """The Authorization header that is asked for."""
    etag: str = ""
    """What each answer has for an ETag, if not one of its own."""
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], int]] = field(default_factory=list)
    """Paths, headers in lower case, and statuses."""

    def fault(self, path: str) -> Fault:
        for fault in self.faults:
            if path.endswith(fault.of):
                self.faults.remove(fault)
                return fault
        return Fault()

    def ranges(self) -> list[tuple[str, int]]:
        """Return the ranges that were asked of bundles, and the statuses of the answers."""
        return [(h.get("range", ""), s) for path, h, s in self.asked if path.endswith(".fleet")]


class Handler(BaseHTTPRequestHandler):
    served: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        fault = self.served.fault(self.path)
        path = self.served.root / self.path.lstrip("/")
        if self.served.password and self.headers.get("Authorization") != self.served.password:
            self.answer(401, b"")
        elif fault.location:
            self.answer(302, b"", Location=fault.location)
        elif fault.status:
            self.answer(fault.status, b"")
        elif not path.is_file():
            self.answer(404, b"")
        else:
            self.serve(fault.body if fault.body is not None else path.read_bytes(), fault)

    def serve(self, raw: bytes, fault: Fault) -> None:
        etag = self.served.etag or f'"{hashlib.sha256(raw).hexdigest()[:16]}"'
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if self.headers.get("If-None-Match") == etag:
            self.answer(304, b"", ETag=etag)
        elif wanted and fault.ranges:
            start = int(wanted[1])
            if start >= len(raw):
                self.answer(416, b"")
                return
            shown = start if fault.begin is None else fault.begin
            span = f"bytes {shown}-{len(raw) - 1}/{len(raw)}"
            self.answer(206, raw[start:], fault.cut, **{"Content-Range": span})
        else:
            self.answer(200, raw, fault.cut, ETag=etag)

    def answer(self, status: int, raw: bytes, cut: int | None = None, **headers: str) -> None:
        known = {name.lower(): value for name, value in self.headers.items()}
        self.served.asked.append((self.path, known, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        with suppress(ConnectionError):  # a client may hang up when it has heard enough
            self.wfile.write(raw[:cut])
        self.close_connection = cut is not None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serving(root: Path, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve a folder until the end of the block."""
    server = Server(root)
    web = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"served": server}))
    web.daemon_threads = False
    if tls:
        web.socket = tls.wrap_socket(web.socket, server_side=True)
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
