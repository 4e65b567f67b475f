"""Whom we trust: known_hosts, read once per run; nobody else, ever.

asyncssh calls back for keys that are unknown, changed *and*, where a revocation is listed for a
port, revoked; it also trusts what is listed for a bare address. So we match ourselves, by name
alone as OpenSSH does, and hand it the result.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import asyncssh

from orchestrator.engines.ssh.target import SSH_PORT, Target
from orchestrator.errors import HostKeyRefused

_KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_CERTIFIED = "-cert-v01@openssh.com"


@dataclass(frozen=True, slots=True)
class Trusted:
    """What known_hosts has for one name."""

    keys: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    revoked: tuple[asyncssh.SSHKey, ...] = ()

    def algorithms(self) -> list[str]:
        """Return the kinds of host key to ask for: what we know first, then all others.

        Were the others left out, as asyncssh does, a host whose key changed in kind would just
        hang up.
        """
        known = [key.get_algorithm() for key in self.keys]
        kinds = dict.fromkeys((*known, *_KINDS))
        plain = [name for kind in kinds for name in _SIGNATURES.get(kind, (kind,))]
        certified = [f"{name}{_CERTIFIED}" for name in plain] if self.authorities else []
        return [*certified, *plain]


class KnownHosts:
    """The known_hosts files of a run, each read when first asked for.

    Looking a name up takes a step per hashed entry: a hash per line is all that they offer.
    """

    def __init__(self) -> None:
        self._files: dict[str, asyncssh.SSHKnownHosts] = {}
        self._empty: set[str] = set()

    def trusted(self, target: Target) -> Trusted:
        """Return what is known of a target; raises HostKeyRefused when a file cannot be used.

        As in OpenSSH, a name with a port that is not listed is looked up without it; what is
        revoked either way is revoked.
        """
        found = self._match(target, target.known_as)
        plain = f"[{target.address}]:{target.port}".lower()
        if target.known_as != plain or target.port == SSH_PORT:
            return found
        fallback = self._match(target, target.address.lower())
        revoked = (*found.revoked, *fallback.revoked)
        chosen = found if found.keys or found.authorities else fallback
        return Trusted(chosen.keys, chosen.authorities, revoked)

    def _match(self, target: Target, name: str) -> Trusted:
        keys: list[asyncssh.SSHKey] = []
        authorities: list[asyncssh.SSHKey] = []
        revoked: list[asyncssh.SSHKey] = []
        for file in target.known_hosts:
            known = self._file(file)
            if file in self._empty:
                continue
            found = known.match(name, "", None)
            keys += found[0]
            authorities += found[1]
            revoked += found[2]
        return Trusted(tuple(keys), tuple(authorities), tuple(revoked))

    def _file(self, file: str) -> asyncssh.SSHKnownHosts:
        if file not in self._files:
            known = asyncssh.import_known_hosts("")
            self._empty.add(file)
            for number, line in _lines(file):
                try:
                    known.load(line)
                    self._empty.discard(file)
                except ValueError as error:
                    raise HostKeyRefused(
                        f"{file}:{number} cannot be understood: {str(error).lower()}",
                        hint="mend or remove the line",
                    ) from error
            self._files[file] = known
        return self._files[file]

    def add(self, target: Target, key: asyncssh.SSHKey) -> None:
        """Write a new host's key down, for now and for ever.

        Raises HostKeyRefused when it cannot be written: a key that is forgotten again would be
        accepted anew each time.
        """
        file = target.known_hosts[0] if target.known_hosts else ""
        public = key.export_public_key("openssh").decode().split()
        line = f"{target.known_as} {public[0]} {public[1]}\n"
        try:
            _append(Path(file), line)
        except OSError as error:
            raise HostKeyRefused(
                f"cannot write the key of {target} to {file}: {error.strerror}",
                hint="name a writable file with UserKnownHostsFile",
            ) from error
        self._file(file).load(line)
        self._empty.discard(file)

    def where(self, target: Target) -> str:
        """Return ``file:line`` of the first entry for a target, for a message."""
        for file in target.known_hosts:
            for number, line in _lines(file):
                one = asyncssh.import_known_hosts(line)
                names = {target.known_as, target.address.lower()}
                if any(any(one.match(name, "", None)[:2]) for name in names):
                    return f"{file}:{number}"
        return target.known_hosts[0] if target.known_hosts else "known_hosts"


def _lines(file: str) -> Iterator[tuple[int, str]]:
    try:
        text = Path(file).read_text(errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostKeyRefused(
            f"{file} cannot be read: {error.strerror}",
            hint="make it readable, or name another with UserKnownHostsFile",
        ) from error
    yield from enumerate(text.splitlines(), 1)


def _append(file: Path, line: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as known:
        fcntl.flock(known, fcntl.LOCK_EX)
        size = known.seek(0, os.SEEK_END)
        known.seek(max(size - 1, 0))
        torn = size > 0 and known.read(1) != b"\n"
        known.write(b"\n" * torn + line.encode())


class Guard:
    """Judges the key that one host shows; ``refusal`` says why not, ``new`` is a first contact."""

    def __init__(self, name: str, target: Target, known: KnownHosts) -> None:
        self._name = name
        self._target = target
        self._known = known
        self.trusted = known.trusted(target)
        self.refusal: HostKeyRefused | None = None
        self.new: asyncssh.SSHKey | None = None

    @property
    def known_hosts(self) -> tuple[Sequence[asyncssh.SSHKey], ...]:
        """Return what is trusted, in the form that asyncssh takes."""
        return (self.trusted.keys, self.trusted.authorities, self.trusted.revoked, (), (), (), ())

    def judge(self, key: asyncssh.SSHKey) -> bool:
        """Return whether a key that known_hosts does not have for this host may pass."""
        if key in self.trusted.revoked:
            self.refusal = self._revoked(key)
        elif self.trusted.keys:
            self.refusal = self._changed(key)
        elif self.trusted.authorities or not self._target.accept_new:
            self.refusal = self._unknown(key)
        else:
            self.new = key
        return self.refusal is None

    def remember(self) -> None:
        """Add the key of a first contact to known_hosts, now that the host has proved it.

        Raises HostKeyRefused.
        """
        if self.new is None:
            return
        self.trusted = self._known.trusted(self._target)  # another connection may have been first
        if self.new in self.trusted.keys:
            return
        if not self.judge(self.new):
            assert self.refusal is not None
            raise self.refusal
        self._known.add(self._target, self.new)

    def _shown(self, key: asyncssh.SSHKey) -> str:
        kind = key.get_algorithm()
        return f"{self._name} ({self._target}) shows the {kind} key {key.get_fingerprint()}"

    def _unknown(self, key: asyncssh.SSHKey) -> HostKeyRefused:
        scan = self._scan()
        return HostKeyRefused(
            f"{self._shown(key)}, which no known_hosts file has",
            hint=f"compare the fingerprint on the host's console, then: {scan}; or take the keys "
            "of new hosts on first contact with --accept-new",
            mend=scan,
        )

    def _scan(self) -> str:
        file = self._target.known_hosts[0] if self._target.known_hosts else "known_hosts"
        return f"ssh-keyscan -p {self._target.port} {self._target.address} >> {quote(file)}"

    def _changed(self, key: asyncssh.SSHKey) -> HostKeyRefused:
        where = self._known.where(self._target)
        file = where.rpartition(":")[0]
        forget = f"ssh-keygen -f {quote(file)} -R {quote(self._target.known_as)}"
        return HostKeyRefused(
            f"the host key CHANGED: {self._shown(key)}, but {where} has another",
            hint=f"someone may be in between; if the host was really set up anew: {forget}, "
            "then add the new key",
            mend=f"{forget} && {self._scan()}",
        )

    def _revoked(self, key: asyncssh.SSHKey) -> HostKeyRefused:
        return HostKeyRefused(
            f"{self._shown(key)}, which is revoked",
            hint="give the host a new key; never trust this one again",
        )
