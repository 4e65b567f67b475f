"""URLs and hosts' names that could be asked at all; what is behind them nobody can know here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from orchestrator.schema.kinds import Text
from orchestrator.schema.reader import Wrong
from orchestrator.yamldoc import ScalarNode

_LABEL = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff-]{1,63}")
_LIKE_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_PORT = "its port is not from 1 to 65535"
LONGEST = 253
"""Characters of a name that the name service takes."""


@dataclass(frozen=True)
class Url(Text):
    """A URL of an HTTP server, whose host and port could be."""

    expected: str = "a URL"
    pattern: str = r"https?://[^\s]+"
    rule: str = "begin it with http:// or https://"

    def read(self, scalar: ScalarNode) -> str:
        """Return the URL."""
        url = super().read(scalar)
        if flaw := url_flaw(url):
            raise Wrong(f"'{url}' can never be asked: {flaw}", "write e.g. http://127.0.0.1:8080")
        return url


def url_flaw(url: str) -> str:
    """Return why nobody could be asked by a URL, or the empty string."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "what stands in brackets is not an IPv6 address"
    try:
        port = parts.port
    except ValueError:
        return _PORT
    return host_flaw(parts.hostname or "") or (_PORT if port == 0 else "")


def host_flaw(host: str) -> str:
    """Return why something cannot be a host's name or IP address, or the empty string."""
    if not host:
        return "it names no host"
    if _is_address(host) or _is_name(host):
        return ""
    return f"'{host}' is neither the name of a host nor an IP address"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_name(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    fits = len(host) <= LONGEST and all(map(_LABEL.fullmatch, labels))
    return fits and not host.startswith("-") and not _LIKE_IPV4.fullmatch(host)
