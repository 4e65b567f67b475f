"""What hosts wrote down, read back: hostile until it was read here.

A file tells of one run on one host, a JSON object a line, as ``install.sh`` wrote them
(docs/media.md). Nothing is taken that a journal would not hold, or that is too large.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.clock import iso
from orchestrator.errors import InputError, JournalError
from orchestrator.media.facts import expect_facts
from orchestrator.model.carried import carried_run
from orchestrator.model.codec import from_dict
from orchestrator.model.event import (
    ActionBegun,
    ActionEnded,
    ControllerStarted,
    Event,
    OperatorAsked,
    Request,
)

FOLDER = "results"
LARGEST = 4 << 20
"""Bytes of one file; a run that was cut off a hundred times takes less."""
MOST = 10_000
"""Files of one import."""
LONGEST = 2_000
"""Lines of one file."""
TEXT = 20_000
"""Characters of one text."""
LINE = 4_000
"""Characters of what is told of it in an error, the longest path among them."""
AHEAD = 86_400.0
"""Seconds that a host's clock may be ahead of this machine's."""

_HALF = re.compile("[\ud800-\udfff]")
_HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MEDIUM = re.compile(r"[0-9a-f]{12}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9._-]{0,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Story:
    """One run on one host as its file tells it, in the events that a journal has.

    ``file`` is its path, fit to be printed.
    """

    file: str
    medium: str
    host: str
    run: str
    nonce: str
    by: str
    events: tuple[Event, ...]


class _Unfit(Exception):
    """A line is not what it should be."""


def stories(place: Path, now: float) -> list[Story]:
    """Return what a file tells, or all of a medium's or a folder's; raises InputError."""
    if not place.is_dir():
        return [_story(place, now)]
    inner = place / FOLDER
    files = sorted((inner if inner.is_dir() else place).glob("*.jsonl"))
    if not files or len(files) > MOST:
        what = f"{len(files)} results are too many at once" if files else "no results are here"
        mend = "on a host, sh install.sh --save writes them; they end in .jsonl"
        raise InputError.at(plainly(str(place)), what, mend)
    return [_story(file, now) for file in files]


def _story(file: Path, now: float) -> Story:
    try:
        head, *rest = _documents(_text(file))
        story = _told(file, head, rest)
    except (_Unfit, JournalError) as error:
        mend = "save the results on that host again: sh install.sh --save"
        what = f"not the results of a host: {plainly(_said(error))}"
        raise InputError.at(plainly(str(file)), what, mend) from None
    _expect_past(story, now)
    return story


def plainly(text: str) -> str:
    """Return a stranger's text as one line on which no terminal acts; file names are such, too."""
    return "".join(it if it.isprintable() else ascii(it)[1:-1] for it in text[:LINE])


def _said(error: _Unfit | JournalError) -> str:
    return error.message if isinstance(error, JournalError) else str(error)


def _expect_past(story: Story, now: float) -> None:
    """Refuse what has not come yet: it would stay the newest run until it has."""
    latest = max(event.at for event in story.events)
    if latest > now + AHEAD:
        what = f"it tells of {iso(latest)}, more than a day ahead of {iso(now)}, which is now here"
        mend = "set that clock right, run install.sh on the host again, and import the new file"
        raise InputError.at(story.file, what, mend)


def _text(file: Path) -> str:
    if not file.is_file():
        raise _Unfit("not a file")
    try:
        with file.open("rb") as raw:
            data = raw.read(LARGEST + 1)
    except OSError as error:
        raise _Unfit((error.strerror or "cannot be read").lower()) from None
    if len(data) > LARGEST:
        raise _Unfit(f"larger than {LARGEST >> 20} MiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _Unfit("not UTF-8 text") from None


def _documents(text: str) -> Iterator[dict[str, object]]:
    """Yield the object of each line; a line that a power cut tore was ended, and is left out."""
    lines = text.split("\n")
    if len(lines) > LONGEST:
        raise _Unfit(f"more than {LONGEST} lines")
    found = 0
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and line.endswith("}"):
            found += 1
            yield _object(line, number)
        elif line and number < len(lines) and not line.startswith("{"):
            raise _Unfit(f"line {number} is no JSON object")
    if not found:
        raise _Unfit("it is empty")


def _object(line: str, number: int) -> dict[str, object]:
    try:
        value = json.loads(
            line, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_refuse
        )
    except (ValueError, RecursionError) as error:
        raise _Unfit(f"line {number}: {error}") from None
    if not isinstance(value, dict):
        raise _Unfit(f"line {number} is no JSON object")
    _measure(value, number)
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _refuse(word: str) -> object:
    raise ValueError(f"{word[:40]} is no whole number")


def _measure(value: object, number: int, depth: int = 0) -> None:
    """Refuse what is deeper or longer than anything that a host says."""
    if depth > 6:
        raise _Unfit(f"line {number} is too deep")
    if isinstance(value, str) and (len(value) > TEXT or _HALF.search(value)):
        raise _Unfit(f"line {number} has a text that is too long, or no Unicode")
    inner: Sequence[object] = ()
    if isinstance(value, dict):
        inner = [*value, *value.values()]
    elif isinstance(value, list):
        inner = value
    for item in inner:
        _measure(item, number, depth + 1)


def _told(file: Path, head: dict[str, object], rest: Sequence[dict[str, object]]) -> Story:
    if head.pop("kind", None) != "started":
        raise _Unfit("its first line does not tell of a beginning")
    at = _number(head.pop("at", None))
    medium = _matching(_MEDIUM, head.pop("medium", None), "medium")
    nonce = _matching(_HEX, head.pop("nonce", None), "nonce")
    host = _matching(_WORD, head.pop("host", None), "host")
    by = _matching(_WORD, head.pop("by", None), "by")
    run = carried_run(medium, nonce)
    if head.pop("run", None) != run or head:
        raise _Unfit("its first line is not that of a run of a medium")
    label = f"install.sh on {host}"
    events = (ControllerStarted(at, label), *(_event(doc, host, label) for doc in rest))
    return Story(plainly(str(file)), medium, host, run, nonce, by, events)


def _event(doc: dict[str, object], host: str, label: str) -> Event:
    kind = doc.pop("kind", None)
    if not isinstance(kind, str) or kind not in _EVENTS:
        raise _Unfit(f"{str(kind)[:40]!r} is nothing that a host tells of")
    return _EVENTS[kind](doc, host, label)


def _begun(doc: dict[str, object], host: str, _label: str) -> Event:
    return _decoded("action_begun", doc, host, ActionBegun, {"at", "action"})


def _ended(doc: dict[str, object], host: str, _label: str) -> Event:
    keys = {"at", "action", "result", "reason", "output", "facts"}
    expect_facts(doc.get("facts"))
    return _decoded("action_ended", doc, host, ActionEnded, keys)


def _decoded(
    kind: str, doc: dict[str, object], host: str, cls: type[Event], keys: set[str]
) -> Event:
    if set(doc) != keys:
        raise _Unfit(f"a line about {kind.replace('_', ' ')} has other keys than it should")
    at = _number(doc["at"])
    event = from_dict({**doc, "kind": kind, "v": 1, "host": host, "at": at})
    assert isinstance(event, cls)
    return event


def _taken_up(doc: dict[str, object], _host: str, label: str) -> Event:
    return ControllerStarted(_number(doc.get("at")), label)


def _asked(doc: dict[str, object], host: str, _label: str) -> Event:
    if doc.get("request") != Request.ROLLBACK.value:
        raise _Unfit("somebody asked for what nobody can ask for there")
    by = _matching(_WORD, doc.get("by"), "by")
    return OperatorAsked(_number(doc.get("at")), Request.ROLLBACK, f"{by}@{host}", "on the host")


_EVENTS: Mapping[str, Callable[[dict[str, object], str, str], Event]] = {
    "action_begun": _begun,
    "action_ended": _ended,
    "controller_started": _taken_up,
    "operator_asked": _asked,
}


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise _Unfit("a time is not seconds since 1970")
    return float(value)


def _matching(pattern: re.Pattern[str], value: object, name: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _Unfit(f"its {name} is not one")
    return value
