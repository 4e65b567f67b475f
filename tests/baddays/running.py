"""A fleet command at work."""

from __future__ import annotations

import subprocess
import threading

PATIENCE = 120.0
"""Seconds that one command may take."""


class Running:
    """A fleet command at work; everything that it says is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._said: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._said
        ]
        for reader in self._readers:
            reader.start()

    @property
    def stdout(self) -> str:
        return "".join(self._said["stdout"])

    @property
    def stderr(self) -> str:
        return "".join(self._said["stderr"])

    def await_line(self, text: str, timeout: float = PATIENCE) -> str:
        """Return the first line of the output with this text in it, once it is there."""
        with self._news:
            self._news.wait_for(lambda: self._line(text) or not self._alive(), timeout)
        line = self._line(text)
        assert line, f"no line with {text!r}:\n{self.stdout}\n{self.stderr}"
        return line

    def send(self, number: int) -> None:
        """Send the command a signal."""
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Return its exit code, once it has ended and all was read."""
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return code

    def end(self) -> None:
        """Kill it, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def _line(self, text: str) -> str:
        return next((line for line in self._said["stdout"] if text in line), "")

    def _alive(self) -> bool:
        return any(reader.is_alive() for reader in self._readers)

    def _read(self, name: str) -> None:
        for line in getattr(self.process, name):
            with self._news:
                self._said[name].append(line)
                self._news.notify_all()
