"""How YAML documents are described: kinds of values, shapes of mappings, and their reader.

One description serves decoding, the JSON Schema and the annotated reference.
"""

from orchestrator.schema.bundled import BundlePath, files_named
from orchestrator.schema.containers import ListOf, MapOf, Named, Values
from orchestrator.schema.frozen import Pairs, freeze, thaw
from orchestrator.schema.kinds import (
    Choice,
    Duration,
    Flag,
    Kind,
    Quantity,
    Size,
    Template,
    Text,
    Whole,
)
from orchestrator.schema.reader import Reader, Rendering, Wrong
from orchestrator.schema.sendable import is_sendable
from orchestrator.schema.shape import Field, Shape, default_of, option, shape_for, shape_of
from orchestrator.schema.urls import Url, host_flaw, url_flaw
from orchestrator.schema.uses import UseOf, build

__all__ = [
    "BundlePath",
    "Choice",
    "Duration",
    "Field",
    "Flag",
    "Kind",
    "ListOf",
    "MapOf",
    "Named",
    "Pairs",
    "Quantity",
    "Reader",
    "Rendering",
    "Shape",
    "Size",
    "Template",
    "Text",
    "Url",
    "UseOf",
    "Values",
    "Whole",
    "Wrong",
    "build",
    "default_of",
    "files_named",
    "freeze",
    "host_flaw",
    "is_sendable",
    "option",
    "shape_for",
    "shape_of",
    "thaw",
    "url_flaw",
]
