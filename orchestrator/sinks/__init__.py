"""Sinks watch a run and show it. A new one is one file and one line here."""

from __future__ import annotations

from typing import TextIO

from orchestrator.registry import Registry
from orchestrator.sinks.console import Terminal
from orchestrator.sinks.guard import Guarded
from orchestrator.sinks.json_lines import JsonLines
from orchestrator.sinks.plain import Plain
from orchestrator.sinks.view import SinkFactory, View

__all__ = ["SINKS", "Guarded", "View", "fitting"]

SINKS: Registry[SinkFactory] = Registry(
    "sinks",
    {
        "console": Terminal,
        "plain": Plain,
        "json": JsonLines,
    },
)


def fitting(out: TextIO, term: str) -> str:
    """Return the name of the sink that fits a stream; ``term`` is the value of ``$TERM``."""
    return "console" if out.isatty() and term != "dumb" else "plain"
