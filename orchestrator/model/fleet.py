"""Hosts and the fleet: who there is, and how each is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class BecomeMethod(StrEnum):
    """How privileges are raised on a host."""

    SUDO = "sudo"
    DOAS = "doas"
    SU = "su"


@dataclass(frozen=True, slots=True)
class Become:
    """Raise privileges to ``user``; the password, if any, never travels in this value."""

    method: BecomeMethod = BecomeMethod.SUDO
    user: str = "root"


@dataclass(frozen=True, slots=True)
class Jump:
    """One bastion on the way to a host; unset parts come from ``~/.ssh/config``."""

    address: str
    port: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a host listens and as whom to log in; ``None`` leaves it to ``~/.ssh/config``."""

    address: str
    port: int | None = None
    user: str | None = None
    identity_files: tuple[str, ...] = ()
    jumps: tuple[Jump, ...] = ()
    become: Become | None = None
    options: tuple[tuple[str, str], ...] = ()
    """Remaining ``-o Name=Value`` pairs of ``ansible_ssh_common_args``, in order."""


@dataclass(frozen=True, slots=True)
class Host:
    """One SSH-reachable machine, named by its inventory alias.

    ``groups`` lists every group the host is in, parents before children, without ``all``.
    ``variables`` are the merged inventory variables, as Ansible would merge them.
    """

    name: str
    endpoint: Endpoint
    groups: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict, hash=False)
    recovery: Endpoint | None = None
    """Where its recovery system listens, if it has one: tried when ``endpoint`` is dead."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Fleet:
    """The hosts that an inventory names, in declaration order."""

    hosts: tuple[Host, ...]

    def __iter__(self) -> Iterator[Host]:
        return iter(self.hosts)

    def __len__(self) -> int:
        return len(self.hosts)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> Host:
        return self.by_name[name]

    @cached_property
    def by_name(self) -> Mapping[str, Host]:
        """Return the hosts keyed by name."""
        return {host.name: host for host in self.hosts}

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Return the host names of every group, in declaration order."""
        members: dict[str, list[str]] = {}
        for host in self.hosts:
            for group in host.groups:
                members.setdefault(group, []).append(host.name)
        return {group: tuple(names) for group, names in members.items()}

    def only(self, names: Iterable[str]) -> Fleet:
        """Return the fleet reduced to ``names``, keeping declaration order."""
        wanted = set(names)
        return Fleet(tuple(host for host in self.hosts if host.name in wanted))
