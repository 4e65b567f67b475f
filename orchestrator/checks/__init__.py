"""Checks: yes, no or unknown about one host. A new kind is one file and one line here.

A check is a frozen dataclass whose fields are its YAML options; ``script()`` builds, without
side effects, the POSIX sh text that the host runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator import schema
from orchestrator.checks.base import Check
from orchestrator.checks.command import Command
from orchestrator.checks.disk_space import DiskSpace
from orchestrator.checks.file_content import FileContent
from orchestrator.checks.http import Http
from orchestrator.checks.memory import Memory
from orchestrator.checks.platform import PlatformIs
from orchestrator.checks.port_free import PortFree
from orchestrator.checks.script import Script
from orchestrator.checks.service_active import ServiceActive
from orchestrator.checks.tcp import Tcp
from orchestrator.model.plan import Use
from orchestrator.registry import Registry

CHECKS: Registry[type[Check]] = Registry(
    "checks",
    {
        "disk_space": DiskSpace,
        "memory": Memory,
        "platform": PlatformIs,
        "port_free": PortFree,
        "service_active": ServiceActive,
        "command": Command,
        "script": Script,
        "http": Http,
        "tcp": Tcp,
        "file_content": FileContent,
    },
)


def build_check(use: Use, variables: Mapping[str, object]) -> Check:
    """Return the check that a plan uses, its templates rendered with ``variables``.

    Raises InputError with every problem, such as a variable that a host does not have.
    """
    return schema.build(use, CHECKS, variables)
