"""Text from hosts is hostile until escaped: here it becomes safe to print, or to put in Markdown.

Colours are dropped; every other control character is shown as its code, as are the invisible
ones that reorder or hide text (Unicode TR 36, bidirectional and default-ignorable characters).
"""

from __future__ import annotations

import re

WIDTH = 400
"""Characters of one line that are shown."""

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")

_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # invisible or reordering
    "\ufeff\ufff9-\ufffb"
    "\ud800-\udfff"  # halves of pairs: undecodable bytes
    "\U000e0000-\U000e0fff"  # tags and variation selectors
    "]"
)

_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def printable(text: str) -> str:
    """Return ``text`` as one line that no terminal acts on, at most WIDTH characters long.

    White space, line breaks included, becomes single spaces.
    """
    return _shown(" ".join(_COLOUR.sub("", text[: 4 * WIDTH]).split()))


def tail(output: str, lines: int) -> tuple[str, ...]:
    """Return the last ``lines`` lines of an output that are not blank, each safe to print."""
    found = [line for line in output.splitlines() if line.strip()]
    return tuple(map(output_line, found[-lines:]))


def output_line(line: str) -> str:
    """Return one line of output, its indentation kept, safe to print."""
    return _shown(_COLOUR.sub("", line[: 4 * WIDTH]).expandtabs(4).rstrip())


def visible(text: str) -> str:
    """Return ``text`` whole, as one line that no terminal acts on: for commands to paste."""
    return _UNSAFE.sub(_code, text)


def markdown(text: str) -> str:
    """Return ``text`` as one line of Markdown (or a table's cell) that means just itself."""
    escaped = "".join(_HTML.get(char, char) for char in printable(text))
    return _MARKDOWN.sub(r"\\\1", escaped)


def fenced(lines: tuple[str, ...]) -> list[str]:
    """Return lines as a Markdown code block that none of them can close."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def _shown(text: str) -> str:
    escaped = _UNSAFE.sub(_code, text)
    return escaped if len(escaped) <= WIDTH else escaped[: WIDTH - 1] + "…"


def _code(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")
