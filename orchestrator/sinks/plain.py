"""Not a terminal: a line with its time for each thing worth one, without control codes."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.clock import iso
from orchestrator.ports import Recorded
from orchestrator.report.escaping import output_line, printable
from orchestrator.sinks.lines import LineWriter
from orchestrator.sinks.notes import Note, Notes
from orchestrator.sinks.view import View


class Plain:
    """Prints what a log file should hold of a run."""

    def __init__(self, view: View) -> None:
        self._notes = Notes(view.rollout, verbose=view.verbose)
        self._clock = view.clock
        self._lines = LineWriter(view.out)

    def observe(self, recorded: Recorded, transitions: Iterable[object]) -> None:
        """Print what is worth a line."""
        self._print(self._notes.of(recorded, transitions))

    def output(self, host: str, line: str) -> None:
        """Print one line of live output."""
        self._lines.write(f"{printable(host)} | {output_line(line)}")

    def close(self) -> None:
        """Print what still waited."""
        self._print(self._notes.rest(self._clock.now()))

    def _print(self, notes: Iterable[Note]) -> None:
        for note in notes:
            indented = (f"    | {line}" for line in note.output)
            self._lines.write(f"{iso(note.at)} {note.text}", *indented)
