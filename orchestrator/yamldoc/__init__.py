"""YAML text → frozen nodes that know where they stand; every problem at once.

The dialect is the YAML 1.2 core schema, and stricter where a value would surprise:

- only ``true`` and ``false`` are booleans: ``yes``, ``no``, ``on`` and ``off`` stay text;
- whole numbers are decimal, ``0o17`` or ``0x1f``: ``0644``, ``010`` and ``1:30`` stay text;
- there are no dates, and no tags but those of the core schema;
- keys are text, and unique within their mapping;
- anchors, aliases and merge keys (``<<``) work, within bounds.
"""

from __future__ import annotations

from orchestrator.errors import InputError, Position
from orchestrator.yamldoc.composer import MAX_ALIASED, MAX_DEPTH, Composer
from orchestrator.yamldoc.nodes import (
    MappingNode,
    Node,
    ScalarNode,
    ScalarValue,
    SequenceNode,
    plain,
    resolve,
)

__all__ = [
    "MAX_ALIASED",
    "MAX_DEPTH",
    "MappingNode",
    "Node",
    "ScalarNode",
    "ScalarValue",
    "SequenceNode",
    "parse",
    "plain",
    "resolve",
]


def parse(text: str, file: str) -> Node:
    """Return the document in ``text``; an empty one is a null scalar.

    ``file`` is the name used in positions. Raises InputError with all problems found; after a
    syntax error the rest of the text is not looked at.
    """
    text = text.removeprefix("\ufeff")
    composer = Composer(text, file)
    composer.compose()
    if composer.problems:
        places = sorted(composer.problems, key=lambda problem: problem.position.line)
        raise InputError(*places)
    return composer.root or ScalarNode(None, Position(file, 1, 1), "")
