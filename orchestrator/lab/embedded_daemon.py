"""The controller's side of the embedded server: starts it, tells it of changes, ends it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from orchestrator.errors import LabError
from orchestrator.lab.daemons import end_daemons, last_words, spawn_python, start_relay
from orchestrator.lab.ownership import all_processes, own_processes
from orchestrator.lab.processes import (
    Process,
    continue_all,
    end_all,
    look_up,
    running,
    send,
    wait_until,
)
from orchestrator.lab.record import Intent, load
from orchestrator.lab.spec import Condition, LabHost, LabPaths

_PATIENCE = 30.0
_NEEDS_SERVER = frozenset({Condition.UP, Condition.SLOW})


@dataclass(frozen=True, slots=True)
class EmbeddedDaemon:
    """One server for all hosts, which follows ``lab.json``."""

    paths: LabPaths

    def apply(self, hosts: Sequence[LabHost], intent: Intent) -> None:
        """Bring some hosts to an intent."""
        relayed = [host for host in hosts if host.relay_pid.exists()]
        if relayed and intent.condition is not Condition.FROZEN:
            end_daemons(self.paths, relayed)
        self._tell(start=intent.condition in _NEEDS_SERVER)
        if intent.condition is Condition.UP:
            continue_all(own_processes(self.paths, hosts))
        elif intent.condition is Condition.DOWN:
            end_all(partial(all_processes, self.paths, hosts))
        elif intent.condition is Condition.SLOW and intent.slowness:
            for host in hosts:
                start_relay(host, intent.slowness)

    def is_serving(self, host: LabHost) -> bool:
        """Tell whether the server lives, and the relay before the host, if there is one."""
        relay = host.relay_pid
        return bool(running(self.paths.server_pid)) and (not relay.exists() or bool(running(relay)))

    def end(self, hosts: Sequence[LabHost]) -> None:
        """End the server and all that runs on the hosts."""
        end_all(partial(self._everything, hosts))

    def _everything(self, hosts: Sequence[LabHost]) -> set[Process]:
        server = running(self.paths.server_pid)
        process = look_up(server.pid) if server else None
        return all_processes(self.paths, hosts) | ({process} if process else set())

    def _tell(self, *, start: bool) -> None:
        """Have the server follow the record, and wait until it has."""
        server = running(self.paths.server_pid)
        if server:
            # Before its first word it may not listen to signals yet, and would die of this one.
            self._await(0)
            send(server, signal.SIGHUP)
        elif start:
            self.paths.server_ack.unlink(missing_ok=True)
            spawn_python(
                "orchestrator.lab.embedded",
                [str(self.paths.directory)],
                log=self.paths.server_log,
                pid_file=self.paths.server_pid,
            )
        else:
            return
        self._await(load(self.paths).generation)

    def _await(self, generation: int) -> None:
        def settled() -> bool:
            return self._followed() >= generation or not running(self.paths.server_pid)

        if not wait_until(settled, _PATIENCE) or self._followed() < generation:
            raise LabError(
                "the embedded server does not follow the lab",
                hint=f"it last said: {last_words(self.paths.server_log)} "
                f"(see {self.paths.server_log})",
            )

    def _followed(self) -> int:
        """Return the generation that the server has put into effect, -1 before its first."""
        try:
            return int(self.paths.server_ack.read_text())
        except FileNotFoundError:
            return -1
