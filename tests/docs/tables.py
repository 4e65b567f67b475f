"""Tables, YAML blocks and headings of a Markdown page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

import yaml

Row = dict[str, str]

_TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A page's text."""

    text: str

    def rows(self, *columns: str) -> list[Row]:
        """Return the rows of the one table with these columns, each by column."""
        found = [rows for rows in self.tables() if rows and [*rows[0]] == [*columns]]
        if len(found) != 1:
            raise LookupError(f"{len(found)} tables have the columns {columns}")
        return found[0]

    def tables(self) -> list[list[Row]]:
        """Return the rows of every table, each by column."""
        tables = (_cells(table) for table in _TABLE.findall(self.text))
        return [
            [dict(zip(head, cells, strict=True)) for cells in body] for head, _, *body in tables
        ]

    def documents(self) -> list[dict[str, Any]]:
        """Return the YAML blocks of the page."""
        return [cast("dict[str, Any]", yaml.safe_load(text)) for text in _YAML.findall(self.text)]


def _cells(table: str) -> list[list[str]]:
    lines = (line.strip().strip("|").split("|") for line in table.splitlines())
    return [[cell.strip().replace("`", "") for cell in cells] for cells in lines]
