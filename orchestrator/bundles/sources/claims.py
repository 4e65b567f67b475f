"""Reading what an unproved document says of a bundle: its manifest, or an entry of an index."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable

from orchestrator.bundles import rules
from orchestrator.bundles.shape import Shape
from orchestrator.bundles.sources.offer import Offer
from orchestrator.model.bundle import Urgency

_SHA256 = re.compile(r"[0-9a-f]{64}")


def of_manifest(raw: bytes, place: str) -> Offer:
    """Return what a manifest claims; raises ValueError when it is none."""
    try:
        document = json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if isinstance(document, dict):
        document["digest"] = hashlib.sha256(raw).hexdigest()
    return claimed(Shape(document), place)


def claimed(item: Shape, place: str) -> Offer:
    """Return the offer that an object's fields make, whatever else is in it; raises ValueError."""

    def later(name: str, rule: Callable[[str], str], default: str) -> str:
        known = isinstance(item.value, dict) and name in item.value
        return item.field(name).ruled(rule) if known else default

    return Offer(
        package=item.field("package").ruled(rules.package_flaw),
        version=item.field("version").ruled(rules.version_flaw),
        revision=item.field("revision").number(1),
        digest=item.field("digest").text(_SHA256),
        created=item.field("created").ruled(rules.instant_flaw),
        urgency=Urgency(later("urgency", rules.urgency_flaw, Urgency.NORMAL)),
        notes=later("notes", rules.notes_flaw, ""),
        place=place,
    )
