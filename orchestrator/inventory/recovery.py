"""The variable ``fleet_recovery``: where a host's recovery system listens, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from orchestrator.errors import InventoryError, Problem
from orchestrator.inventory.variables import HostVariables
from orchestrator.model.fleet import Endpoint
from orchestrator.registry import near_miss

VARIABLE = "fleet_recovery"
_KEYS = ("host", "port", "user")


def recovery(variables: HostVariables, own: Endpoint) -> Endpoint | None:
    """Return the second endpoint of a host, if it has one; raises InventoryError.

    What the variable does not say is as for the host's ``own`` endpoint.
    """
    if VARIABLE not in variables:
        return None
    value = variables[VARIABLE]
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _problem(variables, f"'{value}' is not a mapping", "write {port: 2222}")
    for key in value:
        if key not in _KEYS:
            mend = near_miss(str(key), _KEYS) or "its keys are host, port and user"
            raise _problem(variables, f"unknown key '{key}'", mend)
    given = {key: value[key] for key in _KEYS if value.get(key) is not None}
    spare = replace(
        own,
        address=_text(variables, given.get("host", own.address)),
        port=_port(variables, given["port"]) if "port" in given else own.port,
        user=_text(variables, given["user"]) if "user" in given else own.user,
    )
    if spare == own:
        what = "it is the host's own address, port and user"
        raise _problem(variables, what, "name another host, port or user")
    return spare


def _text(variables: HostVariables, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise _problem(variables, f"'{value}' is not text", "quote it")


def _port(variables: HostVariables, value: object) -> int:
    text = str(value)
    if text.isdecimal() and 0 < int(text) < 65536 and not isinstance(value, bool):
        return int(text)
    raise _problem(variables, f"'{text}' is not a port", "write 1 to 65535")


def _problem(variables: HostVariables, what: str, mend: str) -> InventoryError:
    return InventoryError(Problem(variables.raw(VARIABLE).position, VARIABLE, what, mend))
