"""Arguments of ``ssh`` in ``ansible_ssh_common_args`` and the like → what they mean.

Rules and spellings are those of ssh(1) and ssh_config(5): the first value of an option wins, all
identity files count, and names of options know no case.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from orchestrator.model.fleet import Jump

_PLAIN_FLAGS: Mapping[str, tuple[str, str] | None] = {
    "4": ("AddressFamily", "inet"),
    "6": ("AddressFamily", "inet6"),
    "A": ("ForwardAgent", "yes"),
    "C": ("Compression", "yes"),
    "K": ("GSSAPIAuthentication", "yes"),
    "a": ("ForwardAgent", "no"),
    "k": ("GSSAPIDelegateCredentials", "no"),
    "q": None,
    "v": None,
}
_VALUE_FLAGS: Mapping[str, str] = {
    "B": "BindInterface",
    "J": "ProxyJump",
    "S": "ControlPath",
    "b": "BindAddress",
    "c": "Ciphers",
    "i": "IdentityFile",
    "l": "User",
    "m": "MACs",
    "p": "Port",
}
_JUMP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<address>\[[^\]]+\]|[^:\[\]]+)(?::(?P<port>\d+))?/?"
)


@dataclass(slots=True)
class SshArguments:
    """What arguments say; ``faults`` are those that mean nothing to us, and why."""

    port: int | None = None
    user: str | None = None
    identity_files: list[str] = field(default_factory=list)
    jumps: tuple[Jump, ...] | None = None
    options: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@lru_cache(maxsize=4096)
def parse(text: str) -> SshArguments:
    """Return what ``text`` says; the value is shared and must not be changed."""
    found = SshArguments()
    try:
        words = shlex.split(text)
    except ValueError as error:
        found.faults.append(f"it cannot be split into words: {str(error).lower()}")
        return found
    for name, value in _options(words, found.faults):
        _MEANINGS.get(name.lower(), _other)(found, name, value)
    return found


def jumps(text: str) -> tuple[Jump, ...]:
    """Return the bastions of ``user@host:port,…``; raises ValueError."""
    if text.lower() == "none":
        return ()
    return tuple(_jump(part.strip()) for part in text.split(","))


def _jump(text: str) -> Jump:
    found = _JUMP.fullmatch(text)
    if not found or text.startswith("-"):
        raise ValueError(f"'{text}' is not a jump host; write user@host:port")
    port = int(found["port"]) if found["port"] else None
    return Jump(found["address"].strip("[]"), port, found["user"])


def _options(words: list[str], faults: list[str]) -> Iterator[tuple[str, str]]:
    """Reduce all flags to the options that they stand for."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            faults.append(f"'{word}' is no option of ssh")
            continue
        flags = word[1:]
        while flags and flags[0] in _PLAIN_FLAGS:
            option = _PLAIN_FLAGS[flags[0]]
            flags = flags[1:]
            if option:
                yield option
        if not flags:
            continue
        if flags[0] not in "o" + "".join(_VALUE_FLAGS):
            faults.append(f"argument '-{flags[0]}' of ssh is not supported")
            continue
        value = flags[1:] or next(rest, "")
        yield _assignment(value) if flags[0] == "o" else (_VALUE_FLAGS[flags[0]], value)


def _assignment(text: str) -> tuple[str, str]:
    """Split ``Name=value`` or ``Name value``."""
    name, _, value = re.sub(r"\s*=\s*|\s+", "=", text.strip(), count=1).partition("=")
    return name, value.removeprefix('"').removesuffix('"') if value[:1] == '"' else value


def _port(found: SshArguments, _name: str, value: str) -> None:
    if not value.isdecimal() or not 0 < int(value) < 65536:
        found.faults.append(f"'{value}' is not a port")
    elif found.port is None:
        found.port = int(value)


def _user(found: SshArguments, _name: str, value: str) -> None:
    found.user = found.user or value


def _identity(found: SshArguments, _name: str, value: str) -> None:
    found.identity_files.append(value)


def _proxy_jump(found: SshArguments, _name: str, value: str) -> None:
    try:
        route = jumps(value)
    except ValueError as error:
        found.faults.append(str(error))
        return
    if found.jumps is None:
        found.jumps = route


def _proxy_command(found: SshArguments, name: str, value: str) -> None:
    """Take ``ssh -W %h:%p bastion`` for the jump that it is; other commands stay commands."""
    if found.jumps is not None:
        return
    jump = () if value.lower() == "none" else _forwarding(value)
    if jump is None:
        _other(found, name, value)
    else:
        found.jumps = jump


def _forwarding(command: str) -> tuple[Jump, ...] | None:
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    words = words[1:] if words[:1] == ["exec"] else words
    if not words or words[0].rpartition("/")[2] != "ssh":
        return None
    given = {"-W": "", "-p": "", "-l": ""}
    targets: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        if word[:2] in given:
            given[word[:2]] = word[2:] or next(rest, "")
        elif word.startswith("-") and word != "-q":
            return None
        elif word != "-q":
            targets.append(word)
    if given["-W"] not in ("%h:%p", "[%h]:%p") or len(targets) != 1:
        return None
    user, _, address = targets[0].rpartition("@")
    port = int(given["-p"]) if given["-p"].isdecimal() else None
    return (Jump(address, port, user or given["-l"] or None),)


def _other(found: SshArguments, name: str, value: str) -> None:
    if not name or not value:
        found.faults.append(f"option '{name}' of ssh has no value")
    else:
        found.options.append((name, value))


_MEANINGS: Mapping[str, Callable[[SshArguments, str, str], None]] = {
    "port": _port,
    "user": _user,
    "identityfile": _identity,
    "proxyjump": _proxy_jump,
    "proxycommand": _proxy_command,
}
