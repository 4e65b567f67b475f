"""Where a host is and as whom we log in: inventory, ``~/.ssh/config`` and defaults made one."""

from __future__ import annotations

import getpass
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from orchestrator.engines.ssh.config import LISTED, Settings, SshConfig
from orchestrator.engines.ssh.settings import SshSettings
from orchestrator.errors import FleetError, HostKeyRefused, LoginRefused
from orchestrator.model.fleet import Endpoint, Jump
from orchestrator.registry import near_miss

SSH_PORT = 22

N = TypeVar("N", int, float)

KNOWN_HOSTS = (
    "~/.ssh/known_hosts",
    "~/.ssh/known_hosts2",
    "/etc/ssh/ssh_known_hosts",
    "/etc/ssh/ssh_known_hosts2",
)
"""OpenSSH's defaults; new keys are added to the first."""


@dataclass(frozen=True, slots=True)
class Target:
    """One login: everything that asyncssh needs to be told, and nothing live.

    ``known_as`` is the name that known_hosts is searched for. ``via`` is the bastion that it
    is reached through. ``algorithms`` maps asyncssh's parameters (``encryption_algs`` …) to
    OpenSSH's comma-separated lists.
    """

    address: str
    port: int
    user: str
    known_as: str
    known_hosts: tuple[str, ...] = KNOWN_HOSTS
    accept_new: bool = False
    identity_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    agent: str = ""
    connect_timeout: float = 15.0
    keepalive_interval: float = 15.0
    keepalive_count: int = 3
    algorithms: tuple[tuple[str, str], ...] = ()
    via: Target | None = None

    def __str__(self) -> str:
        return f"{self.user}@{self.address}:{self.port}"


_ALGORITHMS = {
    "ciphers": "encryption_algs",
    "kexalgorithms": "kex_algs",
    "macs": "mac_algs",
    "hostkeyalgorithms": "server_host_key_algs",
    "pubkeyacceptedalgorithms": "signature_algs",
}

_SUPPORTED = frozenset(
    {
        *_ALGORITHMS,
        "certificatefile",
        "connecttimeout",
        "globalknownhostsfile",
        "hostkeyalias",
        "hostname",
        "identitiesonly",
        "identityagent",
        "identityfile",
        "port",
        "proxyjump",
        "serveralivecountmax",
        "serveraliveinterval",
        "stricthostkeychecking",
        "user",
        "userknownhostsfile",
    }
)

_HARMLESS = frozenset(
    {
        "addkeystoagent",
        "batchmode",
        "compression",
        "controlmaster",
        "controlpath",
        "controlpersist",
        "forwardagent",
        "forwardx11",
        "hashknownhosts",
        "kbdinteractiveauthentication",
        "gssapiauthentication",
        "loglevel",
        "passwordauthentication",
        "preferredauthentications",
        "pubkeyauthentication",
        "requesttty",
        "sendenv",
        "setenv",
        "tcpkeepalive",
        "updatehostkeys",
        "visualhostkey",
    }
)
"""Options that change nothing about whom we reach; what they ask for fleet does in its own way."""

_KNOWN = _SUPPORTED | _HARMLESS | {"proxycommand"}
"""What may be asked for; ``ProxyCommand none`` is harmless as well."""

_INHERITED = frozenset(_SUPPORTED - {"hostkeyalias", "hostname", "port", "proxyjump", "user"})
"""Options that a host's bastions take over from it."""


class Targets:
    """Resolves endpoints; the configuration file is read once, here."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._config = SshConfig(settings.config_file)
        self._local = getpass.getuser()

    def resolve(self, name: str, endpoint: Endpoint) -> Target:
        """Return how to log in to the host ``name``.

        The endpoint wins over its options, these over the configuration file. Raises LoginRefused
        when something is asked for that fleet does not do, HostKeyRefused when verification is to
        be switched off.
        """
        options = _options(name, endpoint.options)
        if endpoint.identity_files:
            options["identityfile"] = (*endpoint.identity_files, *options.get("identityfile", ()))
        found = self._lookup(endpoint.address, endpoint.user, endpoint.port, options)
        target = self._target(name, endpoint.address, found)
        inherited = {key: value for key, value in options.items() if key in _INHERITED}
        via: Target | None = None
        for jump in endpoint.jumps or _jumps(found):
            via = replace(self._bastion(name, jump, inherited), via=via)
        return replace(target, via=via)

    def _bastion(self, name: str, jump: Jump, inherited: Settings) -> Target:
        found = self._lookup(jump.address, jump.user, jump.port, inherited)
        return self._target(f"the bastion of {name}", jump.address, found)

    def _lookup(
        self, address: str, user: str | None, port: int | None, options: Settings
    ) -> dict[str, tuple[str, ...]]:
        given = dict(options)
        if user is not None:
            given["user"] = (user,)
        if port is not None:
            given["port"] = (str(port),)
        configured = self._config.lookup(address, user=given.get("user", (None,))[0])
        if "identityfile" in given:  # a key that was named is not crowded out by habitual ones
            configured = {key: value for key, value in configured.items() if key not in LISTED}
        return {**configured, **given}

    def _target(self, name: str, alias: str, found: Settings) -> Target:
        if found.get("proxycommand", ("none",))[0] != "none":
            raise _unsupported(name, "ProxyCommand", "use ProxyJump (ansible: -J) instead")
        get = _Reader(name, found)
        tokens = {"n": alias, "u": self._local, "h": alias, "%": "%"}
        tokens["h"] = address = _expand(get.text("hostname", alias), tokens)
        tokens["r"] = user = get.text("user", self._local)
        tokens["p"] = str(port := get.number("port", SSH_PORT))
        known_as = address if port == SSH_PORT else f"[{address}]:{port}"
        plain: Callable[[str], str] = lambda path: _expand(path, tokens)  # noqa: E731
        settings = self._settings
        return Target(
            address=address,
            port=port,
            user=user,
            known_as=get.text("hostkeyalias", known_as.lower()),
            known_hosts=tuple(map(plain, get.known_hosts())),
            accept_new=settings.accept_new or get.accept_new(),
            identity_files=tuple(map(plain, get.files("identityfile"))),
            certificate_files=tuple(map(plain, get.files("certificatefile"))),
            identities_only=get.flag("identitiesonly"),
            agent=_agent(plain(get.text("identityagent", settings.agent))),
            connect_timeout=get.number("connecttimeout", settings.connect_timeout),
            keepalive_interval=get.number("serveraliveinterval", settings.keepalive_interval),
            keepalive_count=get.number("serveralivecountmax", settings.keepalive_count),
            algorithms=tuple(
                (ours, found[theirs][0]) for theirs, ours in _ALGORITHMS.items() if theirs in found
            ),
        )


class _Reader:
    """Reads values of settings; raises LoginRefused on one that makes no sense."""

    def __init__(self, name: str, found: Settings) -> None:
        self._name = name
        self._found = found

    def text(self, option: str, default: str) -> str:
        return self._found.get(option, (default,))[0]

    def number(self, option: str, default: N) -> N | int:
        if option not in self._found:
            return default
        value = self._found[option][0]
        if not value.isdigit():
            raise _unsupported(self._name, f"{option} {value}", "give a whole number")
        return int(value)

    def flag(self, option: str) -> bool:
        return self.text(option, "no").lower() in {"yes", "true"}

    def files(self, option: str) -> tuple[str, ...]:
        return tuple(value for value in self._found.get(option, ()) if value.lower() != "none")

    def known_hosts(self) -> Iterable[str]:
        user = _words(self.text("userknownhostsfile", " ".join(KNOWN_HOSTS[:2])))
        everyone = _words(self.text("globalknownhostsfile", " ".join(KNOWN_HOSTS[2:])))
        return (file for file in (*user, *everyone) if file.lower() != "none")

    def accept_new(self) -> bool:
        return self.text("stricthostkeychecking", "yes").lower() == "accept-new"


@lru_cache
def _words(text: str) -> tuple[str, ...]:
    return tuple(shlex.split(text))


def _options(name: str, given: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Check the inventory's ``-o`` options; the first of a name wins."""
    options: dict[str, tuple[str, ...]] = {}
    for option, value in given:
        key = option.lower()
        if key == "stricthostkeychecking" and value.lower() in {"no", "off"}:
            raise HostKeyRefused(
                f"{name}: StrictHostKeyChecking={value} is refused: fleet always verifies keys",
                hint="remove it; use --accept-new to take the keys of new hosts on first contact",
            )
        if key not in _KNOWN:
            hint = near_miss(key, _SUPPORTED) or "remove it from ansible_ssh_common_args"
            raise _unsupported(name, option, hint)
        if key in LISTED:
            options[key] = (*options.get(key, ()), value)
        else:
            options.setdefault(key, (value,))
    return options


def _unsupported(name: str, option: str, hint: str) -> FleetError:
    return LoginRefused(f"{name}: the SSH option {option} is not supported", hint=hint)


def _jumps(found: Mapping[str, tuple[str, ...]]) -> tuple[Jump, ...]:
    """Read ProxyJump: ``[user@]host[:port]``, comma-separated, IPv6 in brackets, or ssh:// URIs."""
    value = found.get("proxyjump", ("none",))[0]
    return () if value.lower() == "none" else tuple(map(_jump, value.split(",")))


def _jump(text: str) -> Jump:
    user, _, place = text.strip().removeprefix("ssh://").rpartition("@")
    match = re.fullmatch(r"\[(.+)\](?::(\d+))?|([^:]+)(?::(\d+))?|(.+)", place)
    parts = match.groups() if match else (None, None, place, None, None)
    address = parts[0] or parts[2] or parts[4] or place
    port = parts[1] or parts[3]
    return Jump(address, int(port) if port else None, user or None)


_SPECIAL = frozenset("$%~")


def _expand(text: str, tokens: Mapping[str, str]) -> str:
    """Expand ``%x``, ``${NAME}`` and a leading ``~``, as ssh_config(5) has it."""
    if not _SPECIAL.intersection(text):
        return text
    named = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], ""), text)
    full = re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), named)
    if full.startswith("%d/"):
        full = "~" + full[2:]
    return str(Path(full).expanduser()) if full.startswith("~") else full


def _agent(value: str) -> str:
    """Read IdentityAgent: a path, ``none``, ``SSH_AUTH_SOCK``, or ``$NAME`` of the environment."""
    if value.lower() == "none":
        return ""
    if value == "SSH_AUTH_SOCK" or value.startswith("$"):
        return os.environ.get(value.removeprefix("$"), "")
    return value
