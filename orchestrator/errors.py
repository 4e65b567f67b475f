"""The one tree of errors; adapters translate foreign exceptions into it at their edge.

::

    FleetError                  what happened, where, what to do next
    ├── UsageError              5   the command line asks for something that makes no sense
    ├── InputError              6   a plan, inventory or bundle is invalid (lists its problems)
    │   ├── PlanError
    │   ├── InventoryError
    │   └── BundleError
    │       └── TrustError          a signature or a hash does not hold
    ├── NotAgreed           3   a change of version waits for someone's consent
    ├── HostError               2   one host could not do what was asked
    │   ├── Unreachable         4   no working connection (refused, timed out, lost)
    │   ├── LoginRefused            the host answers but does not let us in
    │   ├── HostKeyRefused          the host is not who known_hosts says it is
    │   ├── BecomeRefused           sudo, doas or su said no
    │   ├── LockHeld                another run owns the package on this host
    │   ├── Fenced                  another controller has taken over this run
    │   ├── OperationEnded          nobody knows how far an operation on the host came
    │   └── ProtocolError           the host program answered something unintelligible
    ├── JournalError            2   the journal cannot be read or written
    │   ├── UnknownRun          5
    │   └── LeaseHeld               another controller drives this run
    ├── LabError                2   the lab could not do what was asked
    └── InvalidTransition       2   a state machine was asked for a move its table does not have

The number is the exit code when the error ends the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What ``fleet`` tells the shell (design section 5)."""

    OK = 0
    FAILED = 2
    WAITING = 3
    UNREACHABLE = 4
    USAGE = 5
    INVALID = 6
    INTERRUPTED = 99


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; lines and columns count from 1, 0 means "the file as a whole"."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where, on which path inside the document, what, the mend.

    Printed as ``file:line:column: path: what; mend``.
    """

    position: Position
    path: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        parts = [str(self.position), self.path, self.what]
        line = ": ".join(part for part in parts if part)
        return f"{line}; {self.mend}" if self.mend else line


class FleetError(Exception):
    """Base of all errors that a user may see; ``hint`` is what to do next."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(FleetError):
    """The command line asks for something that makes no sense."""

    exit_code = ExitCode.USAGE


class InputError(FleetError):
    """An input document is invalid; carries every problem found, not just the first."""

    exit_code = ExitCode.INVALID

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    @classmethod
    def at(cls, file: str, what: str, mend: str = "") -> InputError:
        """Build the error for a single problem with a file as a whole."""
        return cls(Problem(Position(file), "", what, mend))


class PlanError(InputError):
    """The plan is invalid."""


class InventoryError(InputError):
    """An inventory source is invalid."""


class BundleError(InputError):
    """A bundle is malformed or hostile."""


class TrustError(BundleError):
    """A bundle's signature, signer or hash does not hold."""


class NotAgreed(FleetError):
    """A change of version waits for someone's consent; nothing was changed."""

    exit_code = ExitCode.WAITING


class HostError(FleetError):
    """One host could not do what was asked; ``output`` is the tail of what it printed.

    ``mend`` is a command for this machine's shell that mends it, where there is one.
    """

    def __init__(self, message: str, *, hint: str = "", output: str = "", mend: str = "") -> None:
        super().__init__(message, hint=hint)
        self.output = output
        self.mend = mend


class Unreachable(HostError):
    """No working connection: refused, timed out, or lost on the way."""

    exit_code = ExitCode.UNREACHABLE


class LoginRefused(HostError):
    """The host answers but does not let us in."""


class HostKeyRefused(HostError):
    """The host's key is unknown or differs from known_hosts."""


class BecomeRefused(HostError):
    """Privilege escalation was refused."""


class LockHeld(HostError):
    """Another run owns the package on this host."""


class Fenced(HostError):
    """Another controller holds a newer fencing token for this host."""


class OperationEnded(HostError):
    """An operation was ended from outside, on the host: nobody knows how far it came."""


class ProtocolError(HostError):
    """The host program answered something that is not its protocol."""


class JournalError(FleetError):
    """The journal cannot be read or written."""


class UnknownRun(JournalError):
    """No run of that name is in the journal."""

    exit_code = ExitCode.USAGE


class LeaseHeld(JournalError):
    """Another controller drives this run."""


class LabError(FleetError):
    """The lab could not do what was asked."""


class InvalidTransition(FleetError):
    """A state machine was asked for a move that its table does not have."""
