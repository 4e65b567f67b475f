"""Who may sign bundles: an OpenSSH ``allowed_signers`` file, and the check of a signature.

A line is ``principal[,principal] namespaces="fleet-bundle"[,option…] keytype key [comment]``
(ssh-keygen(1), ALLOWED SIGNERS). Every line must name the namespace, since a line without it would
accept signatures that were made for something else, such as git commits.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asyncssh.sshsig import SSHAllowedSigners, import_allowed_signers, validate_sshsig

from orchestrator.bundles import sshsig
from orchestrator.bundles.sshsig import NAMESPACE
from orchestrator.errors import Position, Problem, TrustError
from orchestrator.registry import near_miss

_LINE = re.compile(
    r"(?P<principals>[^\s\"]+)"
    r"(?:[ \t]+(?P<options>(?:[A-Za-z-]+(?:=\"[^\"\\]*\")?)(?:,[A-Za-z-]+(?:=\"[^\"\\]*\")?)*))?"
    r"[ \t]+(?P<type>(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)"
    r"[ \t]+(?P<key>[A-Za-z0-9+/]+={0,2})"
    r"(?:[ \t].*)?"
)
_OPTION = re.compile(r"([A-Za-z-]+)(?:=\"([^\"]*)\")?")
_OPTIONS = ("namespaces", "cert-authority", "valid-after", "valid-before")
_TIME = re.compile(r"\d{8}(\d{4}(\d{2})?)?Z?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signer:
    """One line of the trust file, respelled so that it holds for ``fleet-bundle`` alone."""

    principals: tuple[str, ...]
    line: str
    fingerprint: str
    allowed: SSHAllowedSigners


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that was proved: which principal made it, with which key."""

    identity: str
    fingerprint: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Bytes with the proof that a trusted signer signed exactly them; made by Trust.verify."""

    raw: bytes
    signature: Signature


@dataclass(frozen=True, slots=True)
class Trust:
    """The signers of a trust file, in its order; ``file`` is its name for messages."""

    file: str
    signers: tuple[Signer, ...]

    @classmethod
    def load(cls, path: Path) -> Trust:
        """Read a trust file; raises TrustError if it cannot be read, else as parse does."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            mend = "name an allowed_signers file: trust.allowed_signers in the plan, or --trust"
            reason = (error.strerror or "cannot be read").lower()
            raise TrustError.at(str(path), f"the trust file: {reason}", mend) from None
        except UnicodeDecodeError:
            raise TrustError.at(str(path), "not UTF-8 text") from None
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, file: str) -> Trust:
        """Return the trust that ``text`` declares; raises TrustError with every bad line."""
        problems: list[Problem] = []
        signers: list[Signer] = []
        for number, line in enumerate(text.split("\n"), 1):
            content = line.strip()
            if not content or content.startswith("#"):
                continue
            try:
                signers.append(_signer(content))
            except _BadLine as bad:
                problems.append(Problem(Position(file, number, 1), "", bad.what, bad.mend))
        if problems:
            raise TrustError(*problems)
        if not signers:
            mend = f'add a line: name namespaces="{NAMESPACE}" and the public key'
            raise TrustError.at(file, "no signers in it", mend)
        return cls(file, tuple(signers))

    @property
    def allowed_signers(self) -> str:
        """Return the text for ``ssh-keygen -Y verify -f`` on a host."""
        return "".join(f"{signer.line}\n" for signer in self.signers)

    def verify(self, raw: bytes, signature: bytes, name: str) -> Signed:
        """Return ``raw`` as signed if one of the signers signed it; ``name`` is for messages.

        Raises TrustError for a signature that is malformed, made for another namespace or with a
        weak algorithm, by nobody we trust, or for other bytes.
        """
        try:
            parts = sshsig.parse(signature)
        except ValueError as error:
            raise TrustError.at(name, str(error), "sign the bundle again") from None
        self._check_claims(parts, name)
        for signer, identity in self._candidates():
            if _holds(raw, signature, identity, signer):
                return Signed(raw, Signature(identity, parts.fingerprint, parts.algorithm))
        raise TrustError.at(name, *self._refusal(parts))

    def _check_claims(self, parts: sshsig.Parts, name: str) -> None:
        if parts.namespace != NAMESPACE:
            what = f"signed for namespace {parts.namespace!r}, not '{NAMESPACE}'"
            raise TrustError.at(name, what, "sign it with `fleet bundle sign`")
        if parts.algorithm not in sshsig.ALGORITHMS:
            what = f"signed with algorithm {parts.algorithm!r}, which is not accepted"
            raise TrustError.at(name, what, "sign it with an ed25519 key")

    def _candidates(self) -> Iterator[tuple[Signer, str]]:
        for signer in self.signers:
            for identity in signer.principals:
                yield signer, identity

    def _refusal(self, parts: sshsig.Parts) -> tuple[str, str]:
        """Say why no signer matched. A forger learns nothing from it: the trust file is public."""
        if parts.fingerprint in {signer.fingerprint for signer in self.signers}:
            what = "what it signed was changed afterwards, or the key is outside its validity"
            return (
                f"the signature with key {parts.fingerprint} does not hold: {what}",
                "fetch the bundle again, or have it built and signed anew",
            )
        return (
            f"signed with key {parts.fingerprint}, which {self.file} does not list",
            "add the signer there if it is to be trusted",
        )


class _BadLine(Exception):
    """A line of a trust file that cannot be used."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


def _signer(line: str) -> Signer:
    found = _LINE.fullmatch(line)
    if not found or not line.replace("\t", " ").isprintable():
        mend = f'write: name namespaces="{NAMESPACE}" ssh-ed25519 AAAA…'
        raise _BadLine("not a line of an allowed_signers file", mend)
    principals = _principals(found["principals"])
    options = _options(found["options"] or "")
    respelled = " ".join([",".join(principals), options, found["type"], found["key"]])
    try:
        allowed = import_allowed_signers(respelled)
        public_key = base64.b64decode(found["key"], validate=True)
    except ValueError as error:
        raise _BadLine(f"the public key cannot be read ({error})", "copy it again") from None
    return Signer(principals, respelled, sshsig.fingerprint(public_key), allowed)


def _principals(text: str) -> tuple[str, ...]:
    principals = tuple(text.split(","))
    if not all(principals) or set(text) & set("*?!"):
        raise _BadLine(f"'{text}' does not name its signers", "write names without *, ? and !")
    return principals


def _options(text: str) -> str:
    """Check a line's options and return them with the one namespace."""
    options = {name.lower(): value for name, value in _OPTION.findall(text)}
    for name in options:
        if name not in _OPTIONS:
            raise _BadLine(f"option '{name}' is unknown", near_miss(name, _OPTIONS))
    if NAMESPACE not in options.get("namespaces", "").split(","):
        mend = f'write namespaces="{NAMESPACE}" before the key\'s type'
        raise _BadLine(f"the line does not name namespace '{NAMESPACE}'", mend)
    for name in ("valid-after", "valid-before"):
        if name in options and not _TIME.fullmatch(options[name]):
            raise _BadLine(f"{name} is not a time", "write YYYYMMDD or YYYYMMDDHHMMSSZ")
    options["namespaces"] = NAMESPACE
    return ",".join(
        name if name == "cert-authority" else f'{name}="{options[name]}"'
        for name in _OPTIONS
        if name in options
    )


def _holds(raw: bytes, signature: bytes, identity: str, signer: Signer) -> bool:
    try:
        return validate_sshsig(raw, signature, identity, signer.allowed)
    except ValueError:
        return False
