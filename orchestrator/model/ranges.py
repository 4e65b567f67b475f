"""Which versions a plan or a manifest asks for: npm's ranges, ``latest``, or one version."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from semantic_version import NpmSpec
from semantic_version import Version as Parsed
from semantic_version.base import AllOf, AnyOf, Clause

from orchestrator.model.version import is_version, precedence

LATEST = "latest"
"""The highest version that is not a pre-release."""

LONGEST = 256
"""Characters of a range."""

_OPERATOR = re.compile(r"([<>=~^])\s+")


@dataclass(frozen=True)
class Range:
    """A range of versions by npm's rules (``^2.4``, ``~1.2.3``, ``1.x``, ``>=2 <3 || 4.1.0``).

    A pre-release is allowed only by a range that names a pre-release of the same three numbers.
    """

    text: str

    def __post_init__(self) -> None:
        if not is_range(self.text):
            raise ValueError(f"'{self.text}' is not a version, a range such as ^2.4, or {LATEST}")

    @property
    def pinned(self) -> bool:
        """Return whether just one version is meant."""
        return is_version(self.text)

    def allows(self, version: str) -> bool:
        """Return whether a semantic version lies in the range; a pin allows only itself."""
        if self.pinned:
            return version == self.text
        return is_version(version) and self._within(Parsed(version))

    def best(self, versions: Iterable[str]) -> str | None:
        """Return the highest allowed one of some versions, or ``None``."""
        return max(filter(self.allows, versions), key=precedence, default=None)

    def reached(self, version: str) -> bool:
        """Return whether a semantic version is at or above the least one of the range."""
        return is_version(version) and precedence(version) >= precedence(self.least)

    @property
    def least(self) -> str:
        """Return the version that nothing in the range is below."""
        return self.text if self.pinned else str(_least(self._spec.clause))

    def _within(self, version: Parsed) -> bool:
        # The library lets <1.2.3 have 1.2.3-rc.1, which npm does not.
        numbers = re.escape(f"{version.major}.{version.minor}.{version.patch}-")
        named = not version.prerelease or re.search(rf"(?<![\d.]){numbers}", self.text)
        return bool(named) and self._spec.match(version)

    @cached_property
    def _spec(self) -> NpmSpec:
        return NpmSpec(_spelled(self.text))


def is_range(text: str) -> bool:
    """Return whether the text is a version, a range of versions, or ``latest``."""
    if not text.strip() or len(text) > LONGEST:
        return False
    try:
        NpmSpec(_spelled(text))
    except (ValueError, AttributeError):  # the library's own mistake, for "2latest - 3"
        return False
    return True


def _least(clause: Clause) -> Parsed:
    """Return the version that no match of a clause is below."""
    if isinstance(clause, AnyOf):
        return min(map(_least, clause))
    if isinstance(clause, AllOf):
        return max(map(_least, clause))
    if clause.operator == clause.OP_GT:
        return clause.target.next_patch()
    return clause.target if clause.operator in (clause.OP_GTE, clause.OP_EQ) else Parsed("0.0.0")


def _spelled(text: str) -> str:
    """Return a range as the library reads it: npm allows a space after an operator."""
    return "*" if text.strip() == LATEST else _OPERATOR.sub(r"\1", text.strip())
