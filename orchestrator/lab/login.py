"""Who logs in: the user that runs the lab, as passwd(5) knows it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from orchestrator.errors import LabError

_NO_SHELL = frozenset({"nologin", "false"})

# The search paths that Debian's sshd is built with.
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/games"
_ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def user_name() -> str:
    """Return the current user's name, or its number where passwd(5) does not know it."""
    entry = _entry()
    return entry.pw_name if entry else str(os.getuid())


def shell_name() -> str:
    """Return the name of the current user's login shell, e.g. ``bash``."""
    entry = _entry()
    return Path(entry.pw_shell).name if entry else "sh"


def search_path(first: Path) -> str:
    """Return the ``PATH`` of a session, with a folder before those of the machine."""
    return f"{first}:{_PATH if os.geteuid() else _ROOT_PATH}"


def check_login() -> None:
    """Raise `LabError` when sshd would refuse the current user or could not run a command."""
    if _entry() is None:
        raise LabError(
            f"user id {os.getuid()} has no name on this machine, so sshd does not let it log in",
            hint="add it to /etc/passwd, or use `--kind embedded`",
        )
    if shell_name() in _NO_SHELL:
        raise LabError(
            f"the login shell of {user_name()} is {shell_name()}: sshd cannot run commands for it",
            hint="use a user with a real shell, or `--kind embedded`",
        )


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None
