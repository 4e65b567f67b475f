"""Triggers: what takes a host on trial back by itself. A new kind is one file and one line here.

A trigger is a frozen dataclass whose fields are its YAML options; ``watches()`` builds, without
side effects, the POSIX sh text that the host asks itself again and again, with nobody there.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator import schema
from orchestrator.model.plan import Use
from orchestrator.registry import Registry
from orchestrator.triggers.app_validation import AppValidation
from orchestrator.triggers.base import Trigger
from orchestrator.triggers.boot_failure import BootFailure
from orchestrator.triggers.connectivity import Connectivity
from orchestrator.triggers.service_health import ServiceHealth
from orchestrator.triggers.system_metrics import SystemMetrics

TRIGGERS: Registry[type[Trigger]] = Registry(
    "triggers",
    {
        "boot_failure": BootFailure,
        "service_health": ServiceHealth,
        "system_metrics": SystemMetrics,
        "app_validation": AppValidation,
        "connectivity": Connectivity,
    },
)


def build_trigger(use: Use, variables: Mapping[str, object]) -> Trigger:
    """Return the trigger that a plan uses, its templates rendered with ``variables``.

    Raises InputError with every problem, such as a variable that a host does not have.
    """
    return schema.build(use, TRIGGERS, variables)
