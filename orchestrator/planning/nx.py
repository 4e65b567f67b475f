"""What planning uses of networkx, which is loaded when the first graph is made.

Loading it takes about as long as loading all of ours, and most plans order nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from networkx import (
        DiGraph,
        bfs_predecessors,
        lexicographical_topological_sort,
        strongly_connected_components,
        topological_sort,
    )

__all__ = [
    "DiGraph",
    "bfs_predecessors",
    "lexicographical_topological_sort",
    "strongly_connected_components",
    "topological_sort",
]


def __getattr__(name: str) -> object:
    return getattr(importlib.import_module("networkx"), name)
