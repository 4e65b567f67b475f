"""How the host program is started as another user: sudo, doas, su.

Without a password, sudo and doas are told never to ask, and the program is sent at once. With
one, it is fed only when asked for, and the program only when the marker line has come: a sudo
that needs no password would otherwise run it as a line of the program, and su reads ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from shlex import quote

from orchestrator.engines.ssh.session import Session
from orchestrator.model.fleet import Become, BecomeMethod

ESCALATED = b"fleet-escalated"
"""The line that the other user's shell prints before the host program starts."""

_PROMPT = "fleet-password:"
_FIRST = f"echo {ESCALATED.decode()}; "

Asks = Callable[[Session], bool]


@dataclass(frozen=True, slots=True)
class Escalation:
    """A command that runs the host program as another user.

    ``asks`` tells from what came so far that a password is wanted; ``None``: it never is, and
    the program may follow at once. ``pty``: it reads the password from a terminal only.
    """

    command: str
    asks: Asks | None = None
    pty: bool = False


def _sudo_asks(session: Session) -> bool:
    return _PROMPT.encode() in session.stderr


def _su_asks(session: Session) -> bool:
    return bool(session.stderr) and not session.stderr.endswith(b"\n")


def _doas_asks(session: Session) -> bool:
    return bool(session.unfinished.strip())


def _sudo(user: str, program: str, *, password: bool) -> Escalation:
    if not password:
        return Escalation(f"exec sudo -n -u {user} -- sh -c {quote(_FIRST + program)}")
    command = f"exec sudo -S -p {quote(_PROMPT)} -u {user} -- sh -c {quote(_FIRST + program)}"
    return Escalation(command, _sudo_asks)


def _doas(user: str, program: str, *, password: bool) -> Escalation:
    """Start doas; it takes a password from its controlling terminal alone.

    The terminal is made transparent for the program's bytes. The program gets a session of its
    own, so that a hang-up reaches it as the end of its input and not as a signal; ``exit`` keeps
    the shell from becoming setsid, which would then fork and return.
    """
    if not password:
        return Escalation(f"exec doas -n -u {user} sh -c {quote(_FIRST + program)}")
    detached = f"{_FIRST}setsid sh -c {quote(program)}; exit $?"
    command = f"stty raw -echo && exec doas -u {user} sh -c {quote(detached)}"
    return Escalation(command, _doas_asks, pty=True)


def _su(user: str, program: str, *, password: bool) -> Escalation:  # noqa: ARG001
    return Escalation(f"exec su {user} -c {quote(_FIRST + program)}", _su_asks)


_METHODS = {BecomeMethod.SUDO: _sudo, BecomeMethod.DOAS: _doas, BecomeMethod.SU: _su}


def escalation(become: Become, bootstrap: str, *, password: bool) -> Escalation:
    """Return how ``bootstrap`` is run as ``become`` says, with or without a password at hand."""
    return _METHODS[become.method](quote(become.user), bootstrap, password=password)
