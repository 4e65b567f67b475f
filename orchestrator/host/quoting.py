"""Words that a host's ``sh`` takes for exactly what they are."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping

from orchestrator.errors import HostError
from orchestrator.schema import is_sendable

_BARE = re.compile(r"[A-Za-z0-9_@%+:,./-]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def quote(value: str) -> str:
    """Return ``value`` as one word of ``sh`` without a newline in it.

    Raises HostError for a NUL, and for what is not UTF-8: no shell would get these as they are.
    """
    if _BARE.fullmatch(value):
        return value
    if not is_sendable(value):
        raise HostError(
            f"a value for the host holds a NUL or bytes that are not UTF-8: {value[:60]!r}",
            hint="remove them from the plan or the inventory variable it comes from",
        )
    lines = value.replace("'", "'\\''").split("\n")
    return "'" + "'\"$NL\"'".join(lines) + "'"


def exports(variables: Mapping[str, str]) -> str:
    """Return shell text that exports ``variables``; raises HostError on an impossible name."""
    for name in variables:
        if not _NAME.fullmatch(name):
            raise HostError(
                f"{name!r} cannot be the name of an environment variable",
                hint="use letters, digits and '_', not starting with a digit",
            )
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def written(path: str) -> str:
    """Return a path as a listing has it."""
    return path.replace("%", "%25").replace("\n", "%0A")


def whole_seconds(value: float) -> int:
    """Return whole seconds, as ``sh`` counts, never cut short."""
    return max(1, math.ceil(value))
