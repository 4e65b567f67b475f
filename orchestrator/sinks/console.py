"""A terminal: a live picture of the waves, and above it what is worth a line.

Events only change counters and fill a list; printing and drawing happen on a beat. So it costs
the same for any number of hosts.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from orchestrator.model.event import Action, ActionBegun, ActionEnded, ControllerStarted, Event
from orchestrator.ports import Recorded
from orchestrator.report.escaping import output_line, printable
from orchestrator.sinks.beat import Beat, Stop, on_loop
from orchestrator.sinks.frame import frame
from orchestrator.sinks.notes import Note, Notes, Tone
from orchestrator.sinks.view import View

ABOVE = 500
"""Lines that wait to be printed above the picture; when more come in one beat, the oldest go."""

STYLES: Mapping[Tone, str] = {Tone.ROUTINE: "dim", Tone.NEWS: "bold", Tone.TROUBLE: "red"}


class Screen(Console):
    """A console that falls silent, and does not end the program, when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        """Print nothing from now on."""
        self.quiet = True


class Terminal:
    """Shows a run as it moves."""

    def __init__(self, view: View, *, console: Console | None = None, beat: Beat = on_loop) -> None:
        self._view = view
        self._console = console or Screen(file=view.out, highlight=False, markup=False, emoji=False)
        self._notes = Notes(view.rollout, verbose=view.verbose)
        self._shown = frozenset(Tone) if view.verbose else frozenset({Tone.NEWS, Tone.TROUBLE})
        self._under_way: Counter[Action] = Counter()
        self._above: deque[Text] = deque(maxlen=ABOVE)
        self._lost = 0
        self._beat = beat
        self._stop: Stop | None = None
        self._trouble: Exception | None = None
        self._live = Live(console=self._console, auto_refresh=False, get_renderable=self._frame)

    def observe(self, recorded: Recorded, transitions: Iterable[object]) -> None:
        """Take note of an event; raises what drawing has raised since the last one."""
        if self._trouble is not None:
            raise self._trouble
        if self._stop is None:
            self._live.start()
            self._stop = self._beat(self._tick)
        self._count(recorded.event)
        self._tell(self._notes.of(recorded, transitions))

    def output(self, host: str, line: str) -> None:
        """Take note of one line of live output."""
        self._put(Text.assemble((f"{printable(host)} | ", "cyan"), output_line(line)))

    def close(self) -> None:
        """Print what still waits, draw the last picture and give the terminal back."""
        if self._stop is not None:
            self._stop()
        try:
            if self._trouble is None:
                self._tell(self._notes.rest(self._view.clock.now()))
                self._print()
        finally:
            self._live.stop()

    def refresh(self) -> None:
        """Print what waits above the picture, and draw that anew."""
        self._tell(self._notes.due(self._view.clock.now()))
        self._print()
        self._live.refresh()

    def _tick(self) -> bool:
        try:
            self.refresh()
        except Exception as error:  # told to whoever feeds us next
            self._trouble = error
        return self._trouble is None

    def _frame(self) -> RenderableType:
        return frame(self._view.rollout, self._under_way, self._view.clock.now())

    def _count(self, event: Event) -> None:
        if isinstance(event, ActionBegun):
            self._under_way[event.action] += 1
        elif isinstance(event, ActionEnded):
            self._under_way[event.action] -= 1
        elif isinstance(event, ControllerStarted):
            self._under_way.clear()

    def _tell(self, notes: Iterable[Note]) -> None:
        for note in notes:
            if note.tone in self._shown:
                self._put(Text(note.text, STYLES[note.tone]))
                for line in note.output:
                    self._put(Text(f"    | {line}", "dim"))

    def _put(self, line: Text) -> None:
        self._lost += len(self._above) == ABOVE
        self._above.append(line)

    def _print(self) -> None:
        if self._lost:
            self._console.print(Text(f"… {self._lost} lines were too many to show", "dim"))
        if self._above:
            self._console.print(Text("\n").join(self._above))
        self._lost = 0
        self._above.clear()
