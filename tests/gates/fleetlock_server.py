"""A FleetLock server for tests: a process of its own, strict about the protocol, its slots on disk.

``python fleetlock_server.py STATE GROUP=SLOTS…`` prints its port. The protocol is
https://coreos.github.io/zincati/development/fleetlock/protocol/; the kinds of errors are those
that airlock and its relatives use.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LONGEST = 4096


class Refused(Exception):
    def __init__(self, status: int, kind: str, value: str) -> None:
        super().__init__(value)
        self.status = status
        self.body = {"kind": kind, "value": value}


class Slots:
    """Who holds slots, by group; durable before it is answered."""

    def __init__(self, file: Path, limits: dict[str, int]) -> None:
        self.file = file
        self.limits = limits
        self.one = threading.Lock()
        self.held: dict[str, dict[str, float]] = {}
        if file.exists():
            self.held = json.loads(file.read_text())

    def lock(self, group: str, holder: str) -> None:
        with self.one:
            held = self.held.setdefault(group, {})
            if holder in held:
                return
            if len(held) >= self.limits[group]:
                value = "semaphore currently full, all slots are locked already"
                raise Refused(409, "failed_lock_semaphore_full", value)
            held[holder] = time.time()
            self._keep()

    def unlock(self, group: str, holder: str) -> None:
        with self.one:
            if self.held.get(group, {}).pop(holder, None) is not None:
                self._keep()

    def _keep(self) -> None:
        fresh = self.file.with_suffix(".new")
        with fresh.open("w") as out:
            json.dump(self.held, out)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.file)


class Handler(BaseHTTPRequestHandler):
    slots: Slots
    token: str
    mute: Path
    """While this file is there, what was asked is done, and nobody is told."""
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        try:
            act = {"/v1/pre-reboot": self.slots.lock, "/v1/steady-state": self.slots.unlock}.get(
                self.path
            )
            if act is None:
                raise Refused(404, "not_found", "no such endpoint")
            act(*self.asked())
        except Refused as refused:
            self.answer(refused.status, refused.body)
        else:
            self.answer(200, {"kind": "success", "value": "done"})

    def asked(self) -> tuple[str, str]:
        """Return group and id of a request that is as the protocol says."""
        if self.token and self.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refused(401, "unauthorized", "who are you?")
        if self.headers.get("fleet-lock-protocol") != "true":
            raise Refused(400, "missing_header", "fleet-lock-protocol is not 'true'")
        raw = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), LONGEST))
        try:
            asked = json.loads(raw)["client_params"]
            group, holder = asked["group"], asked["id"]
        except (ValueError, TypeError, KeyError):
            raise Refused(400, "bad_request", "not the body of a request") from None
        if not isinstance(holder, str) or not holder:
            raise Refused(400, "bad_request", "id is empty")
        if not isinstance(group, str) or not re.fullmatch(r"[a-zA-Z0-9.-]+", group):
            raise Refused(400, "bad_request", "not the name of a group")
        if group not in self.slots.limits:
            raise Refused(400, "unknown_group", f"unknown group '{group}'")
        return group, holder

    def answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.close_connection = True
        if self.mute.exists():
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("slots", nargs="+")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="")
    parser.add_argument("--tls", default="")
    told = parser.parse_args()
    limits = {group: int(count) for group, _, count in (s.partition("=") for s in told.slots)}
    facts = {
        "slots": Slots(told.state, limits),
        "token": told.token,
        "mute": told.state.with_suffix(".mute"),
    }
    server = ThreadingHTTPServer(("127.0.0.1", told.port), type("Bound", (Handler,), facts))
    if told.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(told.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
