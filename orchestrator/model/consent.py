"""Changes of version, and what each class of them needs before it may go."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """The class of a change of version, by its leftmost number that differs; smallest first."""

    NONE = "none"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


class Consent(StrEnum):
    """What a change of version needs before it may go."""

    AUTO = "auto"
    """Nothing."""
    ASK = "ask"
    """A yes: at a terminal, or ``--yes``."""
    APPROVE = "approve"
    """The exact version: ``--approve package=version``."""


@dataclass(frozen=True, slots=True)
class ReleasePolicy:
    """Which changes of version go by themselves, where a range leaves the choice to fleet.

    Of a release that its maker calls critical, changes up to ``critical`` need nothing.
    """

    patch: Consent = Consent.AUTO
    minor: Consent = Consent.ASK
    major: Consent = Consent.APPROVE
    critical: Change = Change.MINOR
