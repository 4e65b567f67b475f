"""A failing sink cannot fail a run (design section 1, rule 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from orchestrator.ports import Recorded, Sink
from orchestrator.report.escaping import printable


class Guarded:
    """Passes everything on to a sink until that fails; then drops it, with one warning."""

    def __init__(self, sink: Sink, warn: Callable[[str], None]) -> None:
        self._sink: Sink | None = sink
        self._warn = warn

    def observe(self, recorded: Recorded, transitions: Iterable[object]) -> None:
        """Let the sink see one event."""
        self._try(lambda sink: sink.observe(recorded, transitions))

    def output(self, host: str, line: str) -> None:
        """Let the sink see one line of output."""
        self._try(lambda sink: sink.output(host, line))

    def close(self) -> None:
        """Close the sink."""
        self._try(lambda sink: sink.close())

    def _try(self, use: Callable[[Sink], None]) -> None:
        if self._sink is None:
            return
        try:
            use(self._sink)
        except Exception as error:  # whatever it is, the run goes on
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        dropped, self._sink = self._sink, None
        with suppress(Exception):
            if dropped is not None:
                dropped.close()
        with suppress(Exception):
            what = printable(f"{type(error).__name__}: {error}")
            self._warn(f"the display failed ({what}); the run goes on without it")
