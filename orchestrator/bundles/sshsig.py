"""Taking an SSHSIG signature apart (OpenSSH's PROTOCOL.sshsig); verifying it is asyncssh's work."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

NAMESPACE = "fleet-bundle"
"""What a bundle's signature must have been made for."""

ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""Signature algorithms that count; ``ssh-rsa`` is SHA-1 and PROTOCOL.sshsig forbids it."""

_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"\n-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG\x00\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a signature claims; nothing of it is proved."""

    public_key: bytes
    namespace: str
    hash_name: str
    algorithm: str

    @property
    def fingerprint(self) -> str:
        """Return the key's name as ``ssh-keygen -l`` prints it."""
        return fingerprint(self.public_key)


def fingerprint(public_key: bytes) -> str:
    """Return ``SHA256:…`` of a public key in its wire form."""
    digest = base64.b64encode(hashlib.sha256(public_key).digest())
    return f"SHA256:{digest.decode().rstrip('=')}"


def parse(armored: bytes) -> Parts:
    """Return the parts of an armored signature; raises ValueError if it is none."""
    start, _, rest = armored.partition(_BEGIN)
    body, end, after = rest.partition(_END)
    if start or not end or after.strip():
        raise ValueError("not an armored SSH signature")
    try:
        raw = base64.b64decode(body.replace(b"\n", b""), validate=True)
    except binascii.Error:
        raise ValueError("the signature's base64 is damaged") from None
    if not raw.startswith(_MAGIC):
        raise ValueError("not an SSHSIG signature of version 1")
    public_key, namespace, _reserved, hash_name, blob = _strings(raw[len(_MAGIC) :], 5)
    algorithm, _signature = _strings(blob, 2, more=True)
    return Parts(public_key, namespace.decode(), hash_name.decode(), algorithm.decode())


def _strings(raw: bytes, count: int, *, more: bool = False) -> list[bytes]:
    """Split off ``count`` length-prefixed strings (RFC 4251, section 5)."""
    found = []
    for _ in range(count):
        size = int.from_bytes(raw[:4], "big")
        if len(raw) < 4 + size:
            raise ValueError("the signature is cut short")
        found.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    if raw and not more:
        raise ValueError("the signature is longer than it says")
    return found
