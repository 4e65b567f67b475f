"""Options that name a file of the bundle, and which file that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator import templates
from orchestrator.model.plan import Use
from orchestrator.schema.kinds import Text
from orchestrator.schema.shape import shape_of


@dataclass(frozen=True)
class BundlePath(Text):
    """The path of a file that the bundle brings: relative, without ``.`` and ``..``."""

    expected: str = "a path inside the bundle"
    pattern: str = r"(?!-)(?:(?!\.\.?(?:/|$))[^/\n]+/)*(?!\.\.?$)[^/\n]+"
    rule: str = "write it relative, without '..'"


def files_named(use: Use, kind: type) -> Iterator[str]:
    """Yield the files of the bundle that a use of ``kind`` names, unless in templates."""
    options = dict(use.options)
    for field in shape_of(kind).fields:
        value = options.get(field.name)
        if isinstance(field.kind, BundlePath) and isinstance(value, str):
            yield from () if templates.is_template(value) else (value,)
