"""Gate: a slot from a FleetLock server, the protocol that Zincati and its servers speak.

https://coreos.github.io/zincati/development/fleetlock/protocol/
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import httpx

from orchestrator.gates.base import HostGate
from orchestrator.schema import Duration, Text, Url, Wrong, option

LOCK = "v1/pre-reboot"
UNLOCK = "v1/steady-state"
HEADERS = {"fleet-lock-protocol": "true"}
LONGEST = 65_536
"""Bytes of an answer that are read."""
SHOWN = 300
"""Characters of a server's words that are passed on."""

_URL = Url(
    "a URL without a name, a password or a query",
    r"https?://[^\s@?#]+",
    "begin it with https:// or http://; a token goes into token_file",
)
_GROUP = Text("a group", r"[a-zA-Z0-9.-]+", "use letters, digits, '.' and '-'")
_ID = Text("one line of text", r"[^\n]+", "write one line")
_FILE = Text("an absolute path", r"/[^\n]*", "begin it with '/'")


class _Trouble(Exception):
    """The server could not be asked; the text says why."""


@dataclass(frozen=True)
class FleetLock(HostGate):
    """A slot from a FleetLock server, which lets only so many hosts of a group reboot at once."""

    short: ClassVar[str] = "url"

    url: str = option(
        _URL,
        "The server's base URL; redirects are not followed.",
        example="https://locks.example.net",
    )
    group: str = option(_GROUP, "Whose slots the host takes one of.", default="default")
    id: str = option(
        _ID,
        "Who the host is for the server; no two hosts may share it. By default its name in the "
        "inventory.",
        default="",
        example='"{{ machine_id }}"',
    )
    wait: float = option(
        Duration(1.0), "How long a host may wait for a slot; then it fails.", default=3600.0
    )
    interval: float = option(
        Duration(1.0), "How long to wait between two tries, give or take a half.", default=30.0
    )
    timeout: float = option(Duration(1.0), "How long one try may take.", default=10.0)
    ca: str = option(
        _FILE,
        "File with the authorities (PEM) that the server is trusted by, instead of the system's.",
        default="",
        example="/etc/fleet/locks-ca.pem",
    )
    token_file: str = option(
        _FILE,
        "File with a bearer token, read for each try; only for https, or this machine.",
        default="",
        example="/etc/fleet/locks.token",
    )

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise Wrong(f"'{self.url}' is no URL: {error}", "mend it") from None
        if self.token_file and url.scheme != "https" and not _here(url.host):
            raise Wrong("the token would be sent unencrypted", "use https")

    @property
    def name(self) -> str:
        """Return which server, and which of its groups."""
        return f"fleet_lock {self.url}, group {self.group}"

    async def take(self, host: str) -> str:
        """Ask for a slot; the server grants it anew to who has one."""
        return await self._ask(LOCK, host)

    async def give_back(self, host: str) -> str:
        """Say that the host is in service; the server frees its slot, if it has one."""
        return await self._ask(UNLOCK, host)

    async def _ask(self, endpoint: str, host: str) -> str:
        try:
            async with asyncio.timeout(self.timeout):
                return await self._post(f"{self.url.rstrip('/')}/{endpoint}", host)
        except TimeoutError:
            return f"no answer within {self.timeout:g} s; look at the server and the network"
        except _Trouble as trouble:
            return str(trouble)
        except httpx.HTTPError as error:
            return f"no answer: {_line(str(error) or type(error).__name__)}; {_advice(error)}"

    async def _post(self, url: str, host: str) -> str:
        body = {"client_params": {"id": self.id or host, "group": self.group}}
        headers = HEADERS | _bearer(self.token_file)
        async with (
            httpx.AsyncClient(verify=_authorities(self.ca), timeout=self.timeout) as client,
            client.stream("POST", url, json=body, headers=headers) as response,
        ):
            return "" if response.is_success else _refusal(response, await _begin(response))


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _authorities(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise _Trouble(f"ca: {ca} cannot be used: {error.strerror or error}") from None


def _bearer(token_file: str) -> dict[str, str]:
    if not token_file:
        return {}
    try:
        token = Path(token_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise _Trouble(f"token_file: {token_file} cannot be read: {why}") from None
    if not token or not token.isprintable():
        raise _Trouble(f"token_file: {token_file} holds no token")
    return {"Authorization": f"Bearer {token}"}


async def _begin(response: httpx.Response) -> bytes:
    """Return the beginning of an answer's body."""
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) >= LONGEST:
            break
    return body


def _refusal(response: httpx.Response, body: bytes) -> str:
    """Return a server's no in its own words, or by its status."""
    status = f"{response.status_code} {response.reason_phrase}".strip()
    try:
        told = json.loads(body)
        return f"{_line(told['value'])} ({_line(told['kind'])})"
    except (ValueError, TypeError, KeyError, RecursionError):
        return f"the server answers {_line(status)}"


def _line(text: object) -> str:
    if not isinstance(text, str) or not text:
        raise TypeError
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def _advice(error: httpx.HTTPError) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "name its authority in 'ca', or mend the server's certificate"
    return "look at the server and the network"
