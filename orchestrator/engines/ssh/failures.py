"""What asyncssh and the system call errors, in the words of the tree of errors."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from shlex import quote

import asyncssh

from orchestrator.engines.ssh.session import Session
from orchestrator.engines.ssh.target import Target
from orchestrator.errors import (
    BecomeRefused,
    HostError,
    HostKeyRefused,
    LoginRefused,
    ProtocolError,
    Unreachable,
)
from orchestrator.model.fleet import Become, BecomeMethod

QUOTED = 300
"""Characters of a host's own words that a message repeats."""

_NETWORK_HINTS: dict[type[BaseException], str] = {
    ConnectionRefusedError: "is sshd running there, and is the port right?",
    socket.gaierror: "check the address in the inventory, or the name service",
    TimeoutError: "is the host up, and does a firewall let SSH through?",
}

_BECOME_HINTS = {
    BecomeMethod.SUDO: "give the password with -K, or allow it in sudoers with NOPASSWD",
    BecomeMethod.DOAS: "give the password with -K, or allow it in doas.conf with nopass",
    BecomeMethod.SU: "give the password with -K",
}

_CERTIFICATE = "check the host's certificate and the @cert-authority lines of known_hosts"

_TOO_MANY = "Too many authentication failures"
"""What sshd says when it was offered more keys than its MaxAuthTries."""

_MISSING = "the host lacks what the host program needs: sh, coreutils or busybox, gzip, tar"


def quoted(text: bytes) -> str:
    """Return a host's own words, printable, in one line, and short."""
    words = " | ".join(text.decode(errors="replace").split("\n")).strip(" |\r")
    printable = "".join(c if c.isprintable() else "?" for c in words.replace("\r", ""))
    return repr(printable if len(printable) <= QUOTED else printable[:QUOTED] + "…")


def connecting(
    name: str, target: Target, error: BaseException, *, offered: Iterable[str] = ()
) -> HostError:
    """Return why no connection to ``target`` came about; ``offered`` are the keys tried."""
    where = f"{name} ({target})"
    match error:
        case HostError():
            return error
        case asyncssh.PermissionDenied():
            return _login_refused(where, target, tuple(offered))
        case asyncssh.HostKeyNotVerifiable():
            return HostKeyRefused(f"{where}: {error.reason}", hint=_CERTIFICATE)
        case asyncssh.DisconnectError() if _TOO_MANY in error.reason:
            return _login_refused(where, target, tuple(offered))
        case asyncssh.ChannelOpenError():
            return Unreachable(f"cannot reach {where}: {error.reason}")
        case asyncssh.Error():
            return Unreachable(f"cannot reach {where}: {error.reason.lower()}")
        case TimeoutError() if not error.args:
            after = f"no answer within {target.connect_timeout:g} s"
            return Unreachable(f"cannot reach {where}: {after}", hint=_hint(error))
        case OSError():
            said = os.strerror(error.errno) if error.errno else str(error)
            return Unreachable(f"cannot reach {where}: {said.lower()}", hint=_hint(error))
        case _:
            return Unreachable(f"cannot reach {where}: {error}")


def _hint(error: BaseException) -> str:
    return next((hint for kind, hint in _NETWORK_HINTS.items() if isinstance(error, kind)), "")


def _login_refused(where: str, target: Target, offered: tuple[str, ...]) -> LoginRefused:
    keys = f"keys offered: {', '.join(offered)}" if offered else "there was no key to offer"
    hint = (
        f"add one of these keys to {target.user}'s authorized_keys there, or name another with "
        "--private-key"
        if offered
        else "name a key with --private-key, or load one into the ssh-agent"
    )
    said = f"{where} refused the login as {target.user}; {keys}"
    return LoginRefused(said, hint=hint, mend=_authorize(target))


def _authorize(target: Target) -> str:
    """Return the command that lets our key in, by whatever other way there is for ssh."""
    key = f"-i {quote(target.identity_files[0])} " if target.identity_files else ""
    where = quote(f"{target.user}@{target.address}")
    return f"ssh-copy-id {key}-p {target.port} {where}"


def ended(
    name: str,
    session: Session,
    error: Exception | None,
    *,
    become: Become | None,
    answered: bool,
    noise: bytes,
) -> HostError:
    """Return what it means that the session is over while somebody may still wait.

    ``become`` is set while the other user's shell has not shown itself; ``answered`` tells
    whether the host program ever spoke.
    """
    if error is not None:
        reason = error.reason if isinstance(error, asyncssh.Error) else str(error)
        return Unreachable(f"the connection to {name} was lost: {reason.lower()}")
    if session.exit_signal is not None:
        return Unreachable(f"the session on {name} was ended by SIG{session.exit_signal}")
    if become is not None:
        return become_refused(name, become, session, "")
    if answered or session.exit_status is None:
        return Unreachable(f"the host program on {name} ended unasked")
    said = bytes(session.stderr).strip() or noise
    return ProtocolError(
        f"the host program did not start on {name} (exit {session.exit_status}): {quoted(said)}",
        hint=_MISSING if session.exit_status == NOT_FOUND else "",
        output=said.decode(errors="replace"),
    )


NOT_FOUND = 127
"""The shell's exit status for a command that is not there."""


def become_refused(name: str, become: Become, session: Session, why: str) -> BecomeRefused:
    """Return that ``become`` did not work, with what its program said."""
    said = bytes(session.stderr).strip()
    words = "; ".join(part for part in (why, quoted(said) if said else "") if part)
    return BecomeRefused(
        f"{become.method} does not let us be {become.user} on {name}: {words or 'it said nothing'}",
        hint=_BECOME_HINTS[become.method],
        output=said.decode(errors="replace"),
    )
