"""Literal tables of implementations, one instance per seam."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the closest known word, or the empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


class Registry(Mapping[str, T], Generic[T]):
    """A read-only table from the name used in YAML to its implementation."""

    def __init__(self, seam: str, table: Mapping[str, T]) -> None:
        self.seam = seam
        self._table = dict(table)

    def __getitem__(self, name: str) -> T:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)
