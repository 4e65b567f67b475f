"""What a page shows people to type, run for real: the ``console`` blocks of a Markdown file.

A line that begins with ``$ `` is a command, one that begins with ``> `` goes on with it. What
follows is what it prints, both streams: ``…`` in a line stands for any text, a line of ``…`` for
any lines. A command must succeed; where a page shows a failure it says so with
``; echo "exit $?"``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_END = "end-of-command"


@dataclass
class Command:
    """A command of a page, the line on which it stands, and what it prints."""

    line: int
    text: str
    expected: list[str] = field(default_factory=list)

    def prints(self, output: str) -> bool:
        """Tell whether an output is the one that the page shows."""
        return bool(_pattern(self.expected).fullmatch(output))


def commands(page: str) -> list[Command]:
    """Return the commands of a page in their order."""
    return [
        command
        for block in _BLOCK.finditer(page)
        for command in _commands(block[1], page.count("\n", 0, block.start(1)) + 1)
    ]


def _commands(block: str, first: int) -> Iterator[Command]:
    command: Command | None = None
    for number, line in enumerate(block.splitlines(), first):
        if line.startswith("$ "):
            if command:
                yield command
            command = Command(number, line[2:])
        elif command is None:
            raise ValueError(f"line {number}: a console block begins with a command")
        elif line.startswith("> ") and not command.expected:
            command.text += f"\n{line[2:]}"
        else:
            command.expected.append(line)
    if command:
        yield command


def _pattern(lines: list[str]) -> re.Pattern[str]:
    parts = [
        r"(?:.*\n)*"
        if line.strip() == "…"
        else ".*".join(map(re.escape, line.rstrip().split("…"))) + r"\s*?\n"
        for line in lines
    ]
    return re.compile("".join(parts))


def a_persons(home: Path) -> dict[str, str]:
    """Return the environment of somebody at a plain terminal, with ``fleet`` on the path."""
    return {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
    }


class Shell:
    """One shell for a whole page, so that ``cd`` and jobs last from command to command."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:  # it may wait for something that will not come, as may its jobs
            os.killpg(self._process.pid, signal.SIGKILL)
        self._stdin.close()
        self._process.wait()
        self._stdout.close()

    def run(self, text: str) -> tuple[str, int]:
        """Run a command; return what it printed and its exit code."""
        self._stdin.write(f"{text}\nprintf '%s %s\\n' {_END} $?\n")
        self._stdin.flush()
        lines: list[str] = []
        for line in self._stdout:
            before, found, code = line.partition(f"{_END} ")
            if found:
                return "".join([*lines, before]), int(code)
            lines.append(line)
        raise AssertionError(f"the shell ended during: {text}")

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin
        return self._process.stdin

    @property
    def _stdout(self) -> IO[str]:
        assert self._process.stdout
        return self._process.stdout
