"""Events: the only input of the rollout core, and the rows of the journal.

An event is a versioned document: ``to_dict`` gives JSON-ready values with ``"kind"``, ``from_dict``
takes them back. ``at`` is seconds since the Unix epoch, UTC. The journal numbers the events of a
run from 1; the number is not part of the event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.model.wave import RolloutSpec


class Action(StrEnum):
    """What the core may ask to be done to one host."""

    CHECK = "check"
    """Probe the host, run pre-checks, decide whether anything is to do. Changes nothing."""
    STAGE = "stage"
    RESERVE = "reserve"
    """Ask, once, to pass the gate that lets only so many hosts reboot at once."""
    UNRESERVE = "unreserve"
    """Give the place back: the run is left before the host was activated."""
    ACTIVATE = "activate"
    REBOOT = "reboot"
    """Reboot the host on trial, and wait for it to come back on another boot."""
    VALIDATE = "validate"
    CONFIRM = "confirm"
    RENEW = "renew"
    """Give a confirmed release that waits for its commit more time on trial."""
    KEEP = "keep"
    """End the trial of a confirmed release: the run waits for a person, not for its commit."""
    COMMIT = "commit"
    REVERT = "revert"
    WITHDRAW = "withdraw"
    """Let go of a staged release that will not be activated."""
    RESOLVE = "resolve"
    """Find out by probe where a host in doubt stands. Changes nothing."""
    SAMPLE = "sample"
    """Prove again a host that already moved: content re-hashed, validations passed."""


class Result(StrEnum):
    """What came of an action."""

    DONE = "done"
    """The action did, or proved, what it is for."""
    ALREADY = "already"
    """CHECK: the release is active and proved; nothing is to do."""
    FAILED = "failed"
    """The host said no."""
    INCONCLUSIVE = "inconclusive"
    """No measurement: the host goes back, and its wave waits for a person."""
    UNREACHABLE = "unreachable"
    """Nothing was begun: no connection."""
    LOST = "lost"
    """The action was begun and the connection was lost before its outcome was known."""
    STRANDED = "stranded"
    """The host is neither old nor new, or damaged."""
    HELD = "held"
    """RESERVE: the gate said no, and may be asked again; the fact ``held`` says which, and when."""
    # what RESOLVE finds:
    IS_STAGED = "is-staged"
    """Nothing was switched."""
    IS_ARMED = "is-armed"
    """The trial is armed, but the activation did not run to its end; it may be repeated."""
    IS_TRIAL = "is-trial"
    """Activated, and not yet confirmed."""
    IS_CONFIRMED = "is-confirmed"
    IS_REVERTED = "is-reverted"


class Request(StrEnum):
    """What an operator may ask of a run."""

    PAUSE = "pause"
    """Admit no one else; finish what is in flight."""
    RESUME = "resume"
    """Go on: after a pause, a halt, or a controller that died."""
    ABORT = "abort"
    """Admit no one else, finish what is in flight, and end the run where it stands."""
    ROLLBACK = "rollback"
    """Bring every host that this run moved back to what it had before."""


@dataclass(frozen=True, slots=True)
class Target:
    """A package's release in a run: ``manifest`` is the sha256 of the manifest's bytes."""

    package: str
    version: str
    release: str
    manifest: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins: everything that a later fold needs to know about it.

    ``nonce`` is random; each host's trial nonce derives from it. ``plan_digest`` proves on resume
    that the plan is the same. ``argv`` are the options that shape the plan (inventories, limits,
    extra variables), never a secret.
    """

    at: float
    run: str
    plan: str
    plan_source: str
    plan_digest: str
    operator: str
    nonce: str
    spec: RolloutSpec
    targets: tuple[Target, ...] = ()
    options: dict[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ActionBegun:
    """The intent, durable before the action is carried out. ``attempt`` counts from 1."""

    at: float
    host: str
    action: Action
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class ActionEnded:
    """The outcome, durable before the core sees it.

    ``reason`` is one line for people; ``output`` the tail of what a hook or check printed;
    ``facts`` are small numbers and words worth keeping (bytes sent, release before, boot id).
    """

    at: float
    host: str
    action: Action
    result: Result
    attempt: int = 1
    reason: str = ""
    output: str = ""
    facts: dict[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class TimePassed:
    """A moment that the core asked to be woken at has come."""

    at: float


@dataclass(frozen=True, slots=True)
class OperatorAsked:
    """A person's request; ``by`` is who, ``why`` what they said."""

    at: float
    request: Request
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class ControllerStarted:
    """A controller takes the run up (first, or again after another died or stopped).

    ``rules`` says by which rules it goes on; controllers that said nothing of it went by the first.
    """

    at: float
    controller: str
    rules: int = 1


Event = RunStarted | ActionBegun | ActionEnded | TimePassed | OperatorAsked | ControllerStarted
