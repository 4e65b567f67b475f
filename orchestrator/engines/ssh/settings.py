"""What holds for every SSH connection of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.model.plan import Retries


@dataclass(frozen=True, slots=True)
class SshSettings:
    """Times are in seconds.

    ``config_file`` is an OpenSSH client configuration, ``None`` for none. ``agent`` is the path
    of an ssh-agent's socket, empty for none. ``handshakes`` bounds the logins under way at once,
    over all hosts. A connection that answers nothing is given up after
    ``keepalive_interval * (keepalive_count + 1)``.
    """

    config_file: Path | None = Path("~/.ssh/config")
    agent: str = ""
    accept_new: bool = False
    connect_timeout: float = 15.0
    retries: Retries = Retries()
    handshakes: int = 32
    keepalive_interval: float = 15.0
    keepalive_count: int = 3
