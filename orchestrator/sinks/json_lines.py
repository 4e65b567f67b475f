"""``--output json``: one JSON object for each line, in ASCII.

- ``{"run", "seq", "kind", "v", "at", …}``: a journalled event, as the journal keeps it;
- ``{"run", "seq", "kind", "at", …}`` of kind ``host_moved`` or ``wave_moved``, without ``"v"``: a
  move that event ``seq`` caused;
- ``{"run", "kind": "output", "host", "line"}``: a live line of a hook's or check's output.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields

from orchestrator.model.codec import to_dict
from orchestrator.ports import Recorded
from orchestrator.rollout.records import HostMoved, WaveMoved
from orchestrator.sinks.lines import LineWriter
from orchestrator.sinks.view import View

_KINDS: Mapping[type, str] = {HostMoved: "host_moved", WaveMoved: "wave_moved"}

_FIELDS: Mapping[type, tuple[str, ...]] = {
    cls: tuple(field.name for field in fields(cls)) for cls in (HostMoved, WaveMoved)
}

_TO_JSON = json.JSONEncoder(separators=(",", ":"))


class JsonLines:
    """Prints everything that happens, for programs to read."""

    def __init__(self, view: View) -> None:
        self._run = view.rollout.started.run
        self._lines = LineWriter(view.out)

    def observe(self, recorded: Recorded, transitions: Iterable[object]) -> None:
        """Print an event, and after it the moves that it caused."""
        place = {"run": self._run, "seq": recorded.seq}
        docs = [{**place, **to_dict(recorded.event)}]
        docs += [{**place, **_move(moved)} for moved in transitions if type(moved) in _KINDS]
        self._lines.write(*map(_TO_JSON.encode, docs))

    def output(self, host: str, line: str) -> None:
        """Print one line of live output."""
        doc = {"run": self._run, "kind": "output", "host": host, "line": line}
        self._lines.write(_TO_JSON.encode(doc))

    def close(self) -> None:
        """Do nothing: every line was flushed."""


def _move(moved: object) -> dict[str, object]:
    cls = type(moved)
    return {"kind": _KINDS[cls], **{name: getattr(moved, name) for name in _FIELDS[cls]}}
