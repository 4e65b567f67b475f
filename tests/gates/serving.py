"""A FleetLock server: another process, spoken to over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = Path(__file__).with_name("fleetlock_server.py")


@dataclass
class Server:
    """One server; it comes back on its port, with the slots that are on its disk."""

    state: Path
    port: int = 0
    scheme: str = "http"
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, str(PROGRAM), str(self.state), "default=1", "many=2"),
                *("--port", str(self.port), *options),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        """Kill it; nothing is said to anyone."""
        if self.process:
            with self.process as process:
                process.kill()
            self.process = None

    def mute(self, silent: bool) -> None:
        """Let it do what it is asked, and tell nobody."""
        mute = self.state.with_suffix(".mute")
        if silent:
            mute.touch()
        else:
            mute.unlink()

    def holders(self, group: str = "default") -> list[str]:
        return (
            list(json.loads(self.state.read_text()).get(group, {})) if self.state.exists() else []
        )
