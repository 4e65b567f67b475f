"""Writing lines to a stream whose reader may go away."""

from __future__ import annotations

import os
from io import UnsupportedOperation
from typing import TextIO


class LineWriter:
    """Writes whole lines and flushes them; silent for good once the reader has closed the pipe."""

    def __init__(self, out: TextIO) -> None:
        self._out: TextIO | None = out

    def write(self, *lines: str) -> None:
        """Write lines, given without their line ends, in one go."""
        if self._out is None or not lines:
            return
        try:
            self._out.write(_encodable("\n".join(lines) + "\n", self._out))
            self._out.flush()
        except BrokenPipeError:
            _sink_the_rest(self._out)
            self._out = None


def _encodable(text: str, out: TextIO) -> str:
    if text.isascii():
        return text
    encoding = out.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _sink_the_rest(out: TextIO) -> None:
    """Let what is still buffered go nowhere, or the interpreter complains about it when it ends.

    See the note on SIGPIPE in the documentation of Python's ``signal`` module.
    """
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, out.fileno())
        finally:
            os.close(nowhere)
    except (UnsupportedOperation, ValueError):
        return  # not a file: nothing is left in a buffer of the system's
