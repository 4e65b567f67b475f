"""Gates that a host passes before it reboots. A new kind is one file and one line here.

A gate is a frozen dataclass whose fields are its YAML options; it knows how to ask once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from orchestrator import schema
from orchestrator.clock import Clock
from orchestrator.gates.base import Asking, HostGate
from orchestrator.gates.fleet_lock import FleetLock
from orchestrator.model.plan import Use
from orchestrator.ports import Sleep
from orchestrator.registry import Registry

GATES: Registry[type[HostGate]] = Registry("gates", {"fleet_lock": FleetLock})


A_DAY = 86_400.0
"""What a ``wait`` counts that differs from host to host."""


def longest_wait(use: Use) -> float:
    """Return for how many seconds a host may wait at the gate that a plan uses."""
    told = dict(use.options).get("wait", GATES[use.name].wait)
    return told if isinstance(told, float) else A_DAY


def build_gate(
    use: Use, variables: Mapping[str, object], clock: Clock, sleep: Sleep = asyncio.sleep
) -> Asking:
    """Return the gate that a plan uses, its templates rendered with ``variables``.

    Raises InputError with every problem, such as a variable that a host does not have.
    """
    return Asking(schema.build(use, GATES, variables), clock, sleep)
