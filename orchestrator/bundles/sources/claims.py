"""Reading what an unsigned document says of a bundle: a manifest before its proof, or an index."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from orchestrator.bundles import rules
from orchestrator.bundles.shape import Shape
from orchestrator.bundles.sources.offer import Offer
from orchestrator.model.bundle import Urgency

FIELDS = ("package", "version", "revision", "created", "urgency", "notes")
"""What an offer takes from a manifest or an entry of an index."""

LONGEST_NOTES = 4000
"""Characters of notes that are shown."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNSHOWN = re.compile(r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def of_manifest(raw: bytes, place: str) -> Offer:
    """Return what a manifest claims; raises ValueError when it is none."""
    digest = hashlib.sha256(raw).hexdigest()
    try:
        document = json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return claimed({**document, "digest": digest}, place)


def claimed(document: Mapping[str, object], place: str) -> Offer:
    """Return the offer that a document's fields make; raises ValueError for what is malformed."""
    said = {name: Shape(value, f".{name}") for name, value in document.items()}
    for name in ("package", "version", "digest"):
        if name not in said:
            raise ValueError(f"field '{name}' is missing")
    urgency = said["urgency"].text() if "urgency" in said else Urgency.NORMAL
    notes = said["notes"].text() if "notes" in said else ""
    return Offer(
        package=said["package"].ruled(rules.package_flaw),
        version=said["version"].ruled(rules.version_flaw),
        revision=said["revision"].number(1) if "revision" in said else 1,
        digest=said["digest"].text(_SHA256),
        created=said["created"].ruled(rules.instant_flaw) if "created" in said else "",
        urgency=Urgency(urgency),
        notes=_UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", notes[:LONGEST_NOTES]),
        place=place,
    )
