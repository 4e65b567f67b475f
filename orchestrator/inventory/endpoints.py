"""Connection variables → :class:`~orchestrator.model.fleet.Endpoint`.

Names and precedence are Ansible's: a variable of the inventory wins over a flag; of several names
for one thing the legacy ``ansible_ssh_…`` wins; of several values for one option of ssh the
first wins, in the order in which Ansible builds its command line. Passwords are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import InventoryError, Problem
from orchestrator.inventory import sshargs
from orchestrator.inventory.sshargs import SshArguments
from orchestrator.inventory.variables import HostVariables
from orchestrator.model.fleet import Become, BecomeMethod, Endpoint
from orchestrator.registry import near_miss

T = TypeVar("T")

_ADDRESS = ("ansible_ssh_host", "ansible_host")
_PORT = ("ansible_ssh_port", "ansible_port")
_USER = ("ansible_ssh_user", "ansible_user")
_KEY = ("ansible_ssh_private_key_file", "ansible_private_key_file")
_BECOME_USER = {
    BecomeMethod.SUDO: ("ansible_sudo_user", "ansible_become_user"),
    BecomeMethod.DOAS: ("ansible_doas_user", "ansible_become_user"),
    BecomeMethod.SU: ("ansible_su_user", "ansible_become_user"),
}
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_SINGLE = ("ansible_connection", "ansible_become", "ansible_become_method")

_NAMES = frozenset(
    (*_ADDRESS, *_PORT, *_USER, *_KEY, *_ARGUMENTS, *_SINGLE, *sum(_BECOME_USER.values(), ()))
)
_SSH = ("ssh", "smart", "ansible.builtin.ssh")
_TRUE = ("y", "yes", "on", "1", "true", "t", "1.0")
_FALSE = ("n", "no", "off", "0", "false", "f", "0.0")


@dataclass(frozen=True, slots=True)
class ConnectionDefaults:
    """What the flags ``-u``, ``--private-key``, ``-b`` and ``--become-…`` say.

    The variables of a host win over all of it, ``ansible_become: false`` over ``-b`` too.
    """

    user: str | None = None
    private_key: str | None = None
    become: bool = False
    become_method: BecomeMethod = BecomeMethod.SUDO
    become_user: str = "root"


def endpoint(host: str, variables: HostVariables, defaults: ConnectionDefaults) -> Endpoint:
    """Return how to reach a host; raises InventoryError with all that is wrong."""
    settings = _Settings(variables)
    settings.check_connection()
    first, *others = (settings.arguments(name) for name in _ARGUMENTS)
    key = settings.text(_KEY) or defaults.private_key
    keys = [*first.identity_files, key, *(file for item in others for file in item.identity_files)]
    result = Endpoint(
        address=settings.text(_ADDRESS) or host,
        port=_given(first.port, settings.port(), *(item.port for item in others)),
        user=_given(
            first.user,
            settings.text(_USER) or defaults.user,
            *(item.user for item in others),
        ),
        identity_files=tuple(str(Path(file).expanduser()) for file in keys if file),
        jumps=_given(first.jumps, *(item.jumps for item in others)) or (),
        become=settings.become(defaults),
        options=tuple(option for item in (first, *others) for option in item.options),
    )
    if settings.problems:
        raise InventoryError(*settings.problems)
    return result


def _given(*values: T | None) -> T | None:
    """Return the first value that is given."""
    return next((value for value in values if value is not None), None)


class _Settings:
    """The connection variables of one host; what is wrong with them is collected."""

    def __init__(self, variables: HostVariables) -> None:
        self.problems: list[Problem] = []
        self._variables = variables
        self._set = frozenset(variables.among(_NAMES))

    def text(self, names: Sequence[str]) -> str | None:
        """Return the value of the first of ``names`` that is set to something, as text."""
        name = self._name(names)
        if name is None:
            return None
        value = self._value(name)
        if isinstance(value, bool | list | dict):
            self._problem(name, f"'{value}' is not text", "quote it")
            return None
        return str(value) if value is not None else None

    def port(self) -> int | None:
        """Return the port."""
        text = self.text(_PORT)
        if not text:
            return None
        if text.isdecimal() and 0 < int(text) < 65536:
            return int(text)
        self._problem(self._name(_PORT) or "", f"'{text}' is not a port", "write 1 to 65535")
        return None

    def arguments(self, name: str) -> SshArguments:
        """Return what a variable with arguments for ssh says."""
        found = sshargs.parse(self.text((name,)) or "")
        for fault in found.faults:
            self._problem(name, fault)
        return found

    def become(self, defaults: ConnectionDefaults) -> Become | None:
        """Return how to raise privileges, or ``None`` for not at all."""
        if not self._becomes(defaults.become):
            return None
        method = self._method(defaults.become_method)
        return Become(method, self.text(_BECOME_USER[method]) or defaults.become_user)

    def check_connection(self) -> None:
        """Refuse what is not reached over SSH."""
        connection = self.text(("ansible_connection",)) or "ssh"
        if connection not in _SSH:
            what = f"connection '{connection}' is not supported, only ssh is"
            mend = "leave the host out of the fleet, or reach it over ssh"
            self._problem("ansible_connection", what, mend)

    def _becomes(self, default: bool) -> bool:
        name = self._name(("ansible_become",))
        value = self._value(name) if name else None
        if value is None:
            return default
        word = str(value).lower().strip()
        if word not in _TRUE + _FALSE:
            self._problem(
                "ansible_become", f"'{value}' is neither yes nor no", "write true or false"
            )
        return word in _TRUE

    def _method(self, default: BecomeMethod) -> BecomeMethod:
        text = self.text(("ansible_become_method",))
        if not text:
            return default
        word = text.rpartition(".")[2]
        if word in list(BecomeMethod):
            return BecomeMethod(word)
        mend = near_miss(word, list(BecomeMethod)) or "use sudo, doas or su"
        self._problem("ansible_become_method", f"method '{text}' is not supported", mend)
        return default

    def _name(self, names: Sequence[str]) -> str | None:
        for name in names:
            if name in self._set and self._variables.raw(name).value is not None:
                return name
        return None

    def _value(self, name: str) -> object:
        try:
            return self._variables[name]
        except InventoryError as error:
            self.problems.extend(error.problems)
            return None

    def _problem(self, name: str, what: str, mend: str = "") -> None:
        position = self._variables.raw(name).position
        self.problems.append(Problem(position, name, what, mend))
