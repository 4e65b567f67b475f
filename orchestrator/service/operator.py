"""Who is at the keyboard, as people should read it in the journal and on the hosts."""

from __future__ import annotations

import getpass
import os
import socket


def operator() -> str:
    """Return ``user@host``; the user behind sudo, where sudo says so."""
    user = os.environ.get("SUDO_USER") or _login()
    return f"{user}@{socket.gethostname()}"


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
