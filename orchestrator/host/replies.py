"""The host program's answers as values; a host's words are hostile until they were read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from orchestrator.errors import OperationEnded, ProtocolError
from orchestrator.model.transfer import Part
from orchestrator.ports import Reply

T = TypeVar("T")
WIDTH = 63
"""Bits of the numbers that hosts count with."""
ENDED_BY = "see what ended it there: a lack of memory, another run, or somebody"


class Status(StrEnum):
    """The status words of docs/host-protocol.md."""

    OK = "ok"
    NO = "no"
    NOT_YET = "not-yet"
    UNKNOWN = "unknown"
    FAILED = "failed"
    LACKS = "lacks"
    LOCKED = "locked"
    FENCED = "fenced"
    STRANDED = "stranded"
    ERROR = "error"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Trial:
    """A release on trial; ``before`` is what was active until then, ``remaining`` is in seconds.

    ``activated`` is true once the host says that the activation, hooks included, ran to its end;
    without its word the activation is repeated, which does only what is left to do.
    """

    nonce: str
    run: str
    release: str
    before: str
    remaining: int
    activated: bool = False
    confirmed: bool = False
    """Proved, and on trial until what is committed with it is there as well."""
    reboot: bool = False
    """The host is still to be rebooted."""
    boots: int = 0
    """Boots since it began, or since it was confirmed."""
    guarded: bool = False
    """Its watchdog lives."""
    boot_hook: str = ""
    """What starts its watchdog after a boot; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Last:
    """How the last trial ended: it led from ``before`` to ``after``."""

    nonce: str
    run: str
    before: str
    after: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lock:
    """Who owns the package on this host, and for how many seconds more."""

    owner: str
    run: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What was confirmed last: the host takes nothing older by itself. Empty text: not known."""

    version: str
    created: str


@dataclass(frozen=True, slots=True)
class Drift:
    """How the active release differs from its own manifest, ``reason`` in words.

    ``listed`` is false when the paths are not all here: too many, or its manifest is damaged.
    """

    reason: str = ""
    modified: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    wrong_mode: tuple[str, ...] = ()
    listed: bool = True

    @property
    def only_modes(self) -> frozenset[str]:
        """Return the paths of which nothing but the mode differs."""
        return frozenset(self.wrong_mode) - {*self.modified, *self.missing}

    def lines(self) -> list[str]:
        """Return one ``kind: path`` line for each difference."""
        kinds = {"modified": self.modified, "missing": self.missing, "wrong mode": self.wrong_mode}
        return [f"{kind}: {path}" for kind, paths in kinds.items() for path in paths]


class Said(StrEnum):
    """What a trigger of a host answered last."""

    NOTHING = ""
    YES = "yes"
    NO = "no"
    NOT_YET = "not-yet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What one trigger of the newest trial said: ``bad`` times no in a row, of ``threshold``."""

    name: str
    bad: int
    threshold: int
    last: Said
    reason: str

    def __str__(self) -> str:
        count = f" ({self.bad} of {self.threshold})" if self.bad else ""
        return f"trigger {self.name}: {self.reason or self.last or 'not asked yet'}{count}"


@dataclass(frozen=True, slots=True)
class Probe:
    """Where one package stands on one host; an empty release id means none."""

    active: str = ""
    previous: str = ""
    releases: tuple[str, ...] = ()
    proved: bool = False
    proof: str = ""
    trial: Trial | None = None
    last: Last | None = None
    triggers: tuple[Trigger, ...] = ()
    lock: Lock | None = None
    seen: Seen | None = None
    part: Part | None = None
    drift: Drift | None = None
    kept: tuple[str, ...] = ()
    """Paths of which the active release has taken over local changes."""
    golden: str = ""
    """The release that is pinned on the host, to go back to for good."""


def status(reply: Reply) -> Status:
    """Return the reply's status; raises ProtocolError when it is not one, and OperationEnded."""
    try:
        word = Status(reply.status)
    except ValueError:
        raise ProtocolError(f"the host program answered the word {reply.status!r}") from None
    if word is Status.ENDED:
        raise OperationEnded(reply.reason, hint=ENDED_BY)
    return word


def read_probe(reply: Reply) -> Probe:
    """Return what ``probe`` found; raises ProtocolError."""
    if status(reply) is not Status.OK:
        raise ProtocolError(f"the host could not be probed: {reply.reason}")
    fields = reply.fields
    return Probe(
        active=text(fields, "active"),
        previous=text(fields, "previous"),
        releases=words(fields, "releases"),
        proved=fields.get("proved") is True,
        proof=text(fields, "proof"),
        trial=_trial(part(fields, "trial")),
        last=_last(part(fields, "last")),
        triggers=_triggers(fields),
        lock=_lock(part(fields, "lock")),
        seen=_seen(part(fields, "seen")),
        part=_arrived(part(fields, "part")),
        drift=_drift(part(fields, "drift")),
        kept=words(fields, "kept"),
        golden=text(fields, "golden"),
    )


def text(fields: Mapping[str, object], key: str) -> str:
    """Return a field that is text, null or absent."""
    return _typed(fields, key, str, "")


def number(fields: Mapping[str, object], key: str) -> int:
    """Return a field that is a whole number of at most 63 bits, null or absent."""
    found = _typed(fields, key, int, 0)
    if found.bit_length() > WIDTH:
        raise _unlike(key)
    return found


def words(fields: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return a field that is a list of texts, null or absent."""
    found = _typed(fields, key, list, [])
    if not all(isinstance(word, str) for word in found):
        raise _unlike(key)
    return tuple(found)


def flag(fields: Mapping[str, object], key: str) -> bool:
    """Return whether a field is true."""
    return fields.get(key) is True


def part(fields: Mapping[str, object], key: str) -> Mapping[str, object] | None:
    """Return a field that is an object; ``None`` when it is null, empty or absent."""
    found: dict[str, object] = _typed(fields, key, dict, {})
    return found or None


def parts(fields: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    """Return the objects in a field that is a list, null or absent."""
    return [it for it in _typed(fields, key, list, []) if isinstance(it, dict)]


def tail(reply: Reply) -> str:
    """Return the last that a hook or check printed."""
    return text(reply.fields, "tail")


def _trial(part: Mapping[str, object] | None) -> Trial | None:
    if part is None:
        return None
    return Trial(
        nonce=text(part, "nonce"),
        run=text(part, "run"),
        release=text(part, "release"),
        before=text(part, "from"),
        remaining=number(part, "remaining"),
        activated=part.get("activated") is True,
        confirmed=part.get("confirmed") is True,
        reboot=part.get("reboot") is True,
        boots=number(part, "boots"),
        guarded=part.get("guarded") is True,
        boot_hook=text(part, "boot_hook"),
    )


def _last(part: Mapping[str, object] | None) -> Last | None:
    if part is None:
        return None
    return Last(*(text(part, key) for key in ("nonce", "run", "from", "to", "outcome", "reason")))


def _triggers(fields: Mapping[str, object]) -> tuple[Trigger, ...]:
    found = _typed(fields, "triggers", list, [])
    if not all(isinstance(part, dict) for part in found):
        raise _unlike("triggers")
    return tuple(map(_trigger, found))


def _trigger(part: Mapping[str, object]) -> Trigger:
    said = text(part, "last")
    if said not in list(Said):
        raise _unlike("triggers")
    return Trigger(
        name=text(part, "name"),
        bad=number(part, "bad"),
        threshold=number(part, "threshold"),
        last=Said(said),
        reason=text(part, "reason"),
    )


def _seen(part: Mapping[str, object] | None) -> Seen | None:
    return Seen(text(part, "version"), text(part, "created")) if part else None


def _drift(part: Mapping[str, object] | None) -> Drift | None:
    if part is None:
        return None
    kinds = ("modified", "missing", "wrong_mode")
    named = {kind: words(part, kind) for kind in kinds}
    counted = sum(number(part, f"{kind}_count") for kind in kinds)
    listed = part.get("listed") is True and 0 < counted == sum(map(len, named.values()))
    return Drift(text(part, "reason"), **named, listed=listed)


def _lock(part: Mapping[str, object] | None) -> Lock | None:
    if part is None:
        return None
    return Lock(text(part, "owner"), text(part, "run"), number(part, "expires_in"))


def _arrived(part: Mapping[str, object] | None) -> Part | None:
    return Part(text(part, "sha256"), number(part, "size")) if part else None


def _typed(fields: Mapping[str, object], key: str, kind: type[T], absent: T) -> T:
    value = fields.get(key)
    if value is None:
        return absent
    if not isinstance(value, kind):
        raise _unlike(key)
    return value


def _unlike(key: str) -> ProtocolError:
    return ProtocolError(f"the host program's answer has an unusable {key!r}")
