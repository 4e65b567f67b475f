"""Sessions that end before their time."""

from __future__ import annotations

import os
import signal
import time

from tests.host.program.driver import PATIENCE, Answer, Session

from .acts import Act, Fault


class Doomed(Session):
    """A session with the fault of an act; what it does not answer raises EOFError."""

    def __init__(self, environment: dict[str, str], act: Act) -> None:
        kill = {Fault.POINT: act.point, Fault.WATCHDOG_POINT: f"watchdog {act.point}"}
        self._act = act
        self._begun = False
        super().__init__(environment | {"FLEET_KILL_POINT": kill.get(act.fault, "")})
        self._begun = True

    def send(self, data: bytes) -> None:
        """Write to the program; half of it, if that is the fault."""
        if self._begun and self._act.fault is Fault.HALF:
            data = data[: len(data) // 2]
        super().send(data)

    def answer(self, patience: float = PATIENCE) -> Answer:
        """Return the answer, or end the session instead of waiting for it."""
        fault = self._act.fault
        if fault in (Fault.NONE, Fault.POINT, Fault.WATCHDOG_POINT):
            return super().answer(patience)
        if fault is not Fault.HALF:
            time.sleep(self._act.delay)
        if fault is Fault.KILLED:
            os.killpg(self.process.pid, signal.SIGKILL)
        raise EOFError(str(fault))
