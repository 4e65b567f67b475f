"""A medium as the ops box remembers it: what its results are read against."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from orchestrator.errors import FleetError, JournalError, UsageError
from orchestrator.media.private import create
from orchestrator.model.event import Target

_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Medium:
    """What was built: ``id`` follows from all of its content, ``targets`` are by host.

    ``built`` is the date of its newest release, in seconds since the epoch: no clock of a host that
    is right shows less.
    """

    id: str
    plan: str
    plan_source: str
    plan_digest: str
    built: float
    targets: Mapping[str, tuple[Target, ...]]
    options: Mapping[str, object] = field(default_factory=dict, hash=False)

    def keep(self, folder: Path) -> None:
        """Write it down in a folder of media; raises FleetError."""
        path = folder / f"{self.id}.json"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_suffix(".new")
            with create(draft) as file:
                file.write(json.dumps(asdict(self), indent=1).encode())
            draft.replace(path)
        except OSError as error:
            hint = "make room there, or set FLEET_HOME to a folder that can be written"
            raise FleetError(f"{path}: {error.strerror}", hint=hint) from None

    @classmethod
    def find(cls, folder: Path, name: str) -> Medium:
        """Return a medium that was built here; raises UsageError for any other."""
        path = folder / f"{name}.json"
        if not _ID.fullmatch(name) or not path.is_file():
            hint = "import its results where it was built, under the same FLEET_HOME"
            raise UsageError(f"no medium {name[:40]!r} was built here", hint=hint)
        try:
            found = json.loads(path.read_text("utf-8"))
            targets = {
                host: tuple(Target(**target) for target in them)
                for host, them in found.pop("targets").items()
            }
            return cls(targets=targets, **found)
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            raise JournalError(f"{path} cannot be read", hint="build the medium again") from None


def identify(parts: Sequence[object]) -> str:
    """Return the id of a medium with this content: 12 hex digits."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def built_at(dates: Sequence[float], environ: Mapping[str, str] = os.environ) -> float:
    """Return the date of a medium: SOURCE_DATE_EPOCH, else that of its newest release."""
    given = environ.get("SOURCE_DATE_EPOCH", "")
    if given and not given.isdecimal():
        raise UsageError(
            f"SOURCE_DATE_EPOCH is {given!r}", hint="give seconds since 1970, or unset it"
        )
    return float(given) if given else max(dates)
