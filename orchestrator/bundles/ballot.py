"""One signature as a vote: what it claims, for whom it holds, and how votes are counted."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import asyncssh
from asyncssh.public_key import SSHOpenSSHCertificate
from asyncssh.sshsig import validate_sshsig

from orchestrator.bundles import sshsig
from orchestrator.bundles.sshsig import NAMESPACE, TRUST_NAMESPACE
from orchestrator.bundles.trustfile import Signer

MENDS: Mapping[str, str] = {
    NAMESPACE: "sign it with `fleet bundle sign`",
    TRUST_NAMESPACE: "sign it with `fleet trust sign`",
}


@dataclass(frozen=True, slots=True)
class Ballot:
    """An armored signature and what it claims; keys are in their wire form.

    ``authority`` is who issued the key's certificate (empty: it has none), ``principals`` those
    that it names.
    """

    block: bytes
    parts: sshsig.Parts
    key: bytes
    authority: bytes = b""
    principals: tuple[str, ...] = ()

    @classmethod
    def of(cls, block: bytes) -> Ballot:
        """Take a signature apart; raises ValueError."""
        parts = sshsig.parse(block)
        if not parts.is_certificate:
            return cls(block, parts, parts.public_key)
        line = parts.key_type + b" " + base64.b64encode(parts.public_key)
        found = cast("SSHOpenSSHCertificate", asyncssh.import_certificate(line))
        issuer = found.signing_key.public_data
        return cls(block, parts, found.key.public_data, issuer, tuple(found.principals))

    @property
    def fingerprint(self) -> str:
        """Return the name of the key that made it."""
        return sshsig.fingerprint(self.key)

    @property
    def issuer(self) -> str:
        """Return the name of the key that issued its certificate, if it has one."""
        return sshsig.fingerprint(self.authority) if self.authority else ""

    @property
    def line(self) -> str:
        """Return the narrowest line of a trust file that makes this signature count."""
        public = self.authority or self.key
        options = "cert-authority," if self.authority else ""
        name = next(iter(self.principals), "signer")
        spelled = f"{sshsig.key_type(public).decode()} {base64.b64encode(public).decode()}"
        return f'{name} {options}namespaces="{self.parts.namespace}" {spelled}'

    def flaw(self, namespace: str) -> tuple[str, str] | None:
        """Return why it counts for nobody, and the mend."""
        if self.parts.namespace != namespace:
            what = f"signed for namespace {self.parts.namespace!r}, not '{namespace}'"
            return what, MENDS[namespace]
        if self.parts.algorithm not in sshsig.ALGORITHMS:
            what = f"signed with algorithm {self.parts.algorithm!r}, which is not accepted"
            return what, "sign it with an ed25519 key"
        if self.authority and not self.principals:
            return "signed with a certificate that names no principals", "issue it with -n"
        return None

    def may_be_of(self, signer: Signer) -> bool:
        """Return whether it was made with the key, or a certificate, of a signer's line."""
        if signer.authority:
            return signer.fingerprint == self.issuer
        return not self.authority and signer.fingerprint == self.fingerprint

    def names(self, raw: bytes, signer: Signer, *, timeless: bool = False) -> tuple[str, ...]:
        """Return the principals of a line for whom it holds as a signature of ``raw``, now."""
        allowed = signer.allowed(self.parts.namespace, timeless=timeless)
        try:
            return tuple(
                name
                for name in signer.principals
                if validate_sshsig(raw, self.block, name, allowed)
            )
        except ValueError:
            return ()


def matched(votes: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return a principal for each key, each principal once, for as many keys as can be.

    Kuhn's augmenting paths: a key whose principals are all taken moves another to its next one.
    """
    taken: dict[str, str] = {}

    def seat(key: str, tried: set[str]) -> bool:
        for name in votes[key]:
            if name not in tried:
                tried.add(name)
                if name not in taken or seat(taken[name], tried):
                    taken[name] = key
                    return True
        return False

    for key in votes:
        seat(key, set())
    return {key: name for name, key in taken.items()}
