"""Items of ``order``: which packages or hosts come before which."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.errors import Position
from orchestrator.model.plan import Edge, EdgeKind
from orchestrator.schema import Field, Kind, Reader, Shape, Text, Wrong
from orchestrator.yamldoc import Node, ScalarNode

_SENTENCE = r"(\S+) +(before|after) +(\S+)"


def _hosts(hosts: str, after: str, position: Position) -> Edge:
    return Edge(before=after, after=hosts, kind=EdgeKind.HOSTS, position=position)


HOSTS = Shape(
    _hosts,
    "Hosts that wait for other hosts.",
    (
        Field("hosts", Text("a host pattern"), "Pattern of the hosts that wait."),
        Field("after", Text("a host pattern"), "Pattern of the hosts that go first."),
    ),
    positioned=True,
)


@dataclass(frozen=True)
class Order(Kind):
    """``one before other``, ``one after other`` (packages), or a mapping with host patterns."""

    blank = None

    def decode(self, node: Node, path: str, reader: Reader) -> object:
        """Return the edge."""
        if not isinstance(node, ScalarNode):
            return HOSTS.decode(node, path, reader)
        text = reader.scalar(node, "an order").text
        found = re.fullmatch(_SENTENCE, text.strip())
        if not found:
            mend = "write 'one before other', 'one after other' or {hosts: …, after: …}"
            raise Wrong(f"'{text}' is not an order", mend)
        first, last = found.group(1, 3) if found[2] == "before" else found.group(3, 1)
        return Edge(first, last, EdgeKind.PACKAGES, node.position)

    def schema(self) -> dict[str, object]:
        """Return the JSON Schema."""
        sentence = {"type": "string", "pattern": f"^(?:{_SENTENCE})$"}
        return {"anyOf": [sentence, HOSTS.schema()]}
