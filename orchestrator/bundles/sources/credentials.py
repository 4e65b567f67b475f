"""What a store on a web server is told about who asks; never shown, never in a URL."""

from __future__ import annotations

import base64
import ipaddress
import netrc
from collections.abc import Mapping
from pathlib import Path

from orchestrator.errors import FleetError

TOKEN = "FLEET_STORE_TOKEN"  # noqa: S105  names, not secrets
USER = "FLEET_STORE_USER"
PASSWORD = "FLEET_STORE_PASSWORD"  # noqa: S105
HELP = f"set {TOKEN}, or {USER} and {PASSWORD}, or add the host to ~/.netrc"


def authorization(scheme: str, host: str, environ: Mapping[str, str]) -> str:
    """Return the value of the Authorization header, empty when nothing is to be told.

    The netrc file's entry for the host comes first, since the environment speaks to every store.
    Nothing is sent unencrypted, but to this machine. Raises FleetError for a broken netrc file.
    """
    if scheme != "https" and not _here(host):
        return ""
    known = _netrc(host, environ)
    if known:
        return known
    if token := environ.get(TOKEN, "").strip():
        if not (token.isascii() and token.isprintable()):
            raise FleetError(f"{TOKEN} is no token: it has characters that cannot be sent")
        return f"Bearer {token}"
    if user := environ.get(USER):
        return _basic(user, environ.get(PASSWORD, ""))
    return ""


def _netrc(host: str, environ: Mapping[str, str]) -> str:
    path = Path(environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise FleetError(f"{path}: {error.strerror}", hint="make it readable") from None
    except netrc.NetrcParseError as error:
        where = f"{path}:{error.lineno}" if error.lineno else str(path)
        raise FleetError(f"{where}: not a netrc file", hint="see netrc(5)") from None
    return _basic(found[0], found[2] or "") if found else ""


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
