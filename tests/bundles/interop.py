"""Keys of every kind, two that sign with them, and four that judge what was signed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import subprocess
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orchestrator.bundles.signing import signature
from orchestrator.bundles.trust import Trust
from orchestrator.errors import TrustError
from tests.host.program.builder import Release
from tests.host.program.driver import Place, Session

ALGORITHMS = {
    "ed25519": ("ed25519", ""),
    "ecdsa-256": ("ecdsa", "256"),
    "ecdsa-384": ("ecdsa", "384"),
    "ecdsa-521": ("ecdsa", "521"),
    "rsa": ("rsa", "2048"),
    "certificate": ("ed25519", ""),
    "rsa-certificate": ("rsa", "2048"),
}
WHO = "ci@example.org"
SECOND = "second@example.org"


def run(*command: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command that must succeed."""
    words = [str(word) for word in command]
    return subprocess.run(words, input=stdin, capture_output=True, check=True, timeout=30)


def new_key(path: Path, kind: str, bits: str = "", passphrase: str = "") -> Path:
    """Have ssh-keygen make a key pair."""
    size = ["-b", bits] if bits else []
    run("ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", path.name, "-f", path)
    return path


def certify(key: Path, authority: Path, principal: str, *options: str) -> Path:
    """Have ssh-keygen issue a certificate, beside the key."""
    named = ["-n", principal] if principal else []
    run("ssh-keygen", "-q", "-s", authority, "-I", "id", *named, *options, f"{key}.pub")
    return key.with_name(f"{key.name}-cert.pub")


def public(key: Path) -> str:
    """Return type and key of a public half, without its comment."""
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])


def fingerprint(key: Path) -> str:
    return run("ssh-keygen", "-l", "-f", f"{key}.pub").stdout.decode().split()[1]


@dataclass(frozen=True)
class Keys:
    """The keys of one kind: ``signing`` is what signs, ``line`` what a trust file has of it."""

    signing: Path
    trusted: Path
    second: Path
    authority: bool

    @classmethod
    def make(cls, folder: Path, name: str) -> Keys:
        kind, bits = ALGORITHMS[name]
        key, second = new_key(folder / "key", kind, bits), new_key(folder / "second", "ed25519")
        if "certificate" not in name:
            return cls(key, key, second, authority=False)
        authority = new_key(folder / "authority", "ecdsa")
        return cls(certify(key, authority, WHO), authority, second, authority=True)

    def line(self, options: str = 'namespaces="fleet-bundle"', who: str = WHO) -> str:
        """Return the trust file's line."""
        ca = "cert-authority," if self.authority else ""
        return f"{who} {ca}{options} {public(self.trusted)}\n"


def keygen_signs(keys: Keys, data: bytes, namespace: str) -> bytes:
    return run("ssh-keygen", "-Y", "sign", "-f", keys.signing, "-n", namespace, stdin=data).stdout


@dataclass(frozen=True)
class Case:
    """A trust file, what was signed, and what came of it; ``who`` is the principal asked for."""

    trust: str
    data: bytes
    signature: bytes
    who: str = WHO
    revoked: tuple[Path, ...] = ()


def ours(case: Case) -> bool:
    """Return whether we accept it."""
    try:
        signed = Trust.parse(case.trust, "trust").verify(case.data, case.signature, "sig")
        signed.demand("gateway", "sig")
    except TrustError:
        return False
    return True


def keygen(case: Case, folder: Path) -> bool:
    """Return whether ssh-keygen accepts it, with the trust file as it is."""
    (folder / "trust").write_text(case.trust)
    (folder / "sig").write_bytes(case.signature)
    (folder / "revoked").write_text("".join(f"{public(key)}\n" for key in case.revoked))
    options: list[str | Path] = ["-f", folder / "trust", "-I", case.who, "-n", "fleet-bundle"]
    revoked: list[str | Path] = ["-r", folder / "revoked"] if case.revoked else []
    with contextlib.suppress(subprocess.CalledProcessError):
        words = (*options, *revoked, "-s", folder / "sig")
        run("ssh-keygen", "-Y", "verify", *words, stdin=case.data)
        return True
    return False


def host(case: Case, place: Place, session: Session) -> bool:
    """Return whether the host program accepts it: then it lacks the content, which is not sent."""
    release = replace(RELEASE, signature=case.signature, raw=case.data)
    who = " ".join([case.who] * case.signature.count(b"BEGIN"))
    if SECOND in case.trust:
        who = f"{case.who} {SECOND}"
    answer = place.stage(session, release, [], signers=case.trust, identities=who)
    assert answer.status in {"lacks", "failed"}, answer.fields
    return str(answer.status) == "lacks"


@dataclass(frozen=True)
class Signed(Release):
    """A release whose manifest was signed elsewhere."""

    raw: bytes = b""

    @property
    def manifest(self) -> bytes:
        return self.raw


RELEASE = Signed({"a": b"1"})
DATA = Release({"a": b"1"}).manifest
OTHER = Release({"a": b"1"}, version="9.9.9").manifest


def damaged(signature: bytes) -> bytes:
    """Return an armored signature in which one letter of the last full line differs."""
    lines = signature.splitlines(keepends=True)
    letter = b"A" if lines[-3][10:11] != b"A" else b"B"
    lines[-3] = lines[-3][:10] + letter + lines[-3][11:]
    return b"".join(lines)


def we_sign(keys: Keys, data: bytes, namespace: str) -> bytes:
    return signature(data, keys.signing, namespace)


def token_signs(data: bytes) -> tuple[str, bytes]:
    """Sign as a FIDO token does (OpenSSH's PROTOCOL.u2f); return public key and signature."""
    secret = Ed25519PrivateKey.generate()
    raw = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kind, application = b"sk-ssh-ed25519@openssh.com", b"ssh:"
    key = _strings(kind, raw, application)
    hashed = hashlib.sha512(data).digest()
    message = b"SSHSIG" + _strings(b"fleet-bundle", b"", b"sha512", hashed)
    touched = b"\x01" + (7).to_bytes(4, "big")
    digests = [hashlib.sha256(part).digest() for part in (application, message)]
    blob = _strings(kind, secret.sign(digests[0] + touched + digests[1])) + touched
    sig = b"SSHSIG\0\0\0\1" + _strings(key, b"fleet-bundle", b"", b"sha512", blob)
    lines = textwrap.wrap(base64.b64encode(sig).decode(), 70)
    armor = ["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]
    return f"{kind.decode()} {base64.b64encode(key).decode()}", "\n".join(armor).encode()


def _strings(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
