"""Taking SSHSIG signatures apart (OpenSSH's PROTOCOL.sshsig); verifying them is asyncssh's work."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

NAMESPACE = "fleet-bundle"
"""What a bundle's signatures must have been made for."""

TRUST_NAMESPACE = "fleet-trust"
"""What a trust file's signatures must have been made for."""

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

MAX_BLOCKS = 16
"""Signatures that one file may hold; a host verifies each with a process of its own."""

_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"\n-----END SSH SIGNATURE-----"
_BLOCK = re.compile(_BEGIN + rb"[A-Za-z0-9+/=\n]+" + _END + rb"[ \t\r]*(?:\n|$)")
_MAGIC = b"SSHSIG\x00\x00\x00\x01"
_CERTIFICATE = b"-cert-v01@openssh.com"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a signature claims; nothing of it is proved."""

    public_key: bytes
    namespace: str
    hash_name: str
    algorithm: str

    @property
    def fingerprint(self) -> str:
        """Return the name of the key, or of the whole certificate."""
        return fingerprint(self.public_key)

    @property
    def key_type(self) -> bytes:
        """Return the word before the key in a public key file."""
        return key_type(self.public_key)

    @property
    def is_certificate(self) -> bool:
        """Return whether an authority vouches for the key."""
        return self.key_type.endswith(_CERTIFICATE)


def fingerprint(public_key: bytes) -> str:
    """Return ``SHA256:…`` of a public key in its wire form, as ``ssh-keygen -l`` prints it."""
    digest = base64.b64encode(hashlib.sha256(public_key).digest())
    return f"SHA256:{digest.decode().rstrip('=')}"


def key_type(public_key: bytes) -> bytes:
    """Return what a public key in its wire form begins with: its type; raises ValueError."""
    return _strings(public_key, 1, more=True)[0]


def split(armored: bytes) -> tuple[bytes, ...]:
    """Return the armored signatures that stand one after the other; ValueError if there is none."""
    blocks = tuple(found[0].rstrip() + b"\n" for found in _BLOCK.finditer(armored))
    if not blocks or _BLOCK.sub(b"", armored).strip():
        raise ValueError("not an armored SSH signature")
    if len(blocks) > MAX_BLOCKS:
        raise ValueError(f"more than {MAX_BLOCKS} signatures")
    return blocks


def parse(armored: bytes) -> Parts:
    """Return the parts of one armored signature; raises ValueError if it is none."""
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
    key_type(public_key)
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
