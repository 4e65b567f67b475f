"""Whose signatures count: a trust file, and the check of what was signed against it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.bundles import rules, sshsig, trustfile
from orchestrator.bundles.ballot import Ballot, matched
from orchestrator.bundles.sshsig import NAMESPACE, TRUST_NAMESPACE
from orchestrator.bundles.trustfile import TrustFile
from orchestrator.clock import WallClock
from orchestrator.errors import Position, Problem, TrustError

NOBODY = "-"
"""Stands for a signature that does not count where identities are listed by signature."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that was proved: which principal made it, with which key.

    ``index`` is its place among the signatures of its file, from 0.
    """

    identity: str
    fingerprint: str
    algorithm: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Signed:
    """Bytes with the proof that trusted signers signed exactly them; made by Trust.verify.

    That they are as many as it takes is only known once the bytes say for which package: whoever
    reads them calls :meth:`demand`. ``missed`` says of other signatures why they do not count.
    """

    raw: bytes
    signatures: tuple[Signature, ...]
    trust: Trust
    missed: tuple[str, ...] = ()

    def demand(self, package: str, name: str) -> None:
        """Raise TrustError unless distinct signers reach the threshold of ``package``."""
        self.trust.demand(self, self.trust.threshold(package), f"package '{package}'", name)


def identities(signatures: Sequence[Signature]) -> tuple[str, ...]:
    """Return who made each signature of a file, in its order; NOBODY: it does not count."""
    named = {signature.index: signature.identity for signature in signatures}
    return tuple(named.get(index, NOBODY) for index in range(max(named, default=-1) + 1))


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust file, with the thresholds that a plan adds; ``file`` is its name for messages."""

    file: str
    content: TrustFile
    demands: tuple[tuple[str, int], ...] = ()

    @classmethod
    def load(cls, path: Path) -> Trust:
        """Read a trust file; raises TrustError if it cannot be read, else as parse does."""
        try:
            text = path.read_bytes().decode()  # as it stands: everyone reads the same lines
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
        return cls(file, trustfile.parse(text, file))

    def demanding(self, thresholds: Mapping[str, int]) -> Trust:
        """Return the same trust, with more signers demanded for some packages."""
        return replace(self, demands=tuple(sorted(thresholds.items())))

    def threshold(self, package: str) -> int:
        """Return how many distinct signers a bundle of ``package`` needs."""
        return max(self.content.threshold(package), dict(self.demands).get(package, 1))

    def allowed_signers(self, package: str) -> str:
        """Return what a host needs to verify bundles of ``package`` for itself."""
        lines = [signer.line(NAMESPACE) for signer in self.content.able(NAMESPACE)]
        head = f"#fleet threshold {self.threshold(package)}"
        return "".join(f"{line}\n" for line in (head, *lines))

    @classmethod
    def in_maker(cls, block: bytes, namespace: str) -> Trust:
        """Return a trust in the key of one signature alone, or in who issued its certificate.

        Raises TrustError for a signature that could count for nobody.
        """
        try:
            ballot = Ballot.of(block)
        except ValueError as error:
            raise TrustError.at("signature", str(error)) from None
        if flaw := ballot.flaw(namespace):
            raise TrustError.at("signature", *flaw)
        return cls.parse(ballot.line, "signature")

    def verify(self, raw: bytes, signature: bytes, name: str) -> Signed:
        """Return ``raw`` as signed if one of the signers signed it; ``name`` is for messages.

        Raises TrustError for signatures that are malformed, and when none of them counts: made for
        another namespace or with a weak algorithm, by nobody we trust or with a revoked key, or for
        other bytes; also for a bundle that is revoked, and when the trust file has expired.
        """
        if hashlib.sha256(raw).hexdigest() in self.content.revoked_bundles:
            raise TrustError.at(name, f"the bundle is revoked by {self.file}", "get a newer one")
        return self.verified(raw, signature, name, NAMESPACE)

    def verify_trust_file(self, raw: bytes, signature: bytes, name: str) -> Signed:
        """Return a trust file's bytes as signed by as many as this trust demands of the next one.

        Raises TrustError as verify does, but not for its own age: an expired trust file may be
        replaced.
        """
        signed = self.verified(raw, signature, name, TRUST_NAMESPACE, ageless=True)
        self.demand(signed, self.content.trust_threshold, "a trust file", name)
        return signed

    def demand(self, signed: Signed, needed: int, what: str, name: str) -> None:
        """Raise TrustError unless so many distinct signers signed; ``what`` needs them."""
        if len(signed.signatures) >= needed:
            return
        who = ", ".join(sorted(signature.identity for signature in signed.signatures))
        found = f"{len(signed.signatures)} of the {needed} signers that {what} needs: {who}"
        raise TrustError(
            Problem(Position(name), "", f"signed by {found}", "have others sign it too"),
            *(Problem(Position(name), "", reason) for reason in signed.missed),
        )

    def verified(
        self, raw: bytes, signature: bytes, name: str, namespace: str, *, ageless: bool = False
    ) -> Signed:
        """Return ``raw`` as signed for a namespace by somebody; ``ageless``: even if we expired."""
        if not ageless:
            self._check_age()
        votes: dict[str, _Vote] = {}
        missed: list[Problem] = []
        for index, ballot in enumerate(_ballots(signature, name)):
            if names := self._names(raw, ballot, namespace):
                votes.setdefault(ballot.fingerprint, _Vote(names, ballot, index))
            else:
                missed.append(Problem(Position(name), "", *self._refusal(raw, ballot, namespace)))
        if not votes:
            raise TrustError(*missed)
        seats = matched({key: vote.names for key, vote in votes.items()})
        counted = (votes[key].counted(identity) for key, identity in seats.items())
        ordered = sorted(counted, key=lambda signature: signature.index)
        return Signed(raw, tuple(ordered), self, tuple(problem.what for problem in missed))

    def _check_age(self) -> None:
        expires = self.content.expires
        if expires and rules.seconds(expires) <= WallClock().now():
            what = f"the trust file expired at {expires}"
            raise TrustError.at(self.file, what, "get a newer one")

    def _names(self, raw: bytes, ballot: Ballot, namespace: str) -> tuple[str, ...]:
        """Return the principals for whom a signature holds now."""
        if ballot.flaw(namespace) or self._revoked(ballot):
            return ()
        signers = [it for it in self.content.able(namespace) if ballot.may_be_of(it)]
        found = (ballot.names(raw, signer) for signer in signers)
        return tuple(dict.fromkeys(name for names in found for name in names))

    def _revoked(self, ballot: Ballot) -> bool:
        return not self.content.revoked_keys.isdisjoint((ballot.fingerprint, ballot.issuer))

    def _refusal(self, raw: bytes, ballot: Ballot, namespace: str) -> tuple[str, str]:
        """Say why no signer matched. A forger learns nothing from it: the trust file is public."""
        if flaw := ballot.flaw(namespace):
            return flaw
        key = ballot.fingerprint
        if self._revoked(ballot):
            return f"signed with key {key}, which {self.file} revokes", "have it signed anew"
        able = self.content.able(namespace)
        listed = [signer for signer in able if ballot.may_be_of(signer)]
        if any(ballot.names(raw, signer, timeless=True) for signer in listed):
            what = f"the key {key} is outside its validity in {self.file}"
            return what, "have it signed with a key that is valid today"
        if listed:
            what = "what it signed was changed afterwards, or its certificate is not good for it"
            return (
                f"the signature with key {key} does not hold: {what}",
                "fetch it again, or have it built and signed anew",
            )
        purpose = "" if namespace == NAMESPACE else f" for {namespace}"
        return (
            f"signed with key {key}, which {self.file} does not list{purpose}",
            "add the signer there if it is to be trusted",
        )


def _ballots(signatures: bytes, name: str) -> list[Ballot]:
    try:
        return [Ballot.of(block) for block in sshsig.split(signatures)]
    except ValueError as error:
        raise TrustError.at(name, str(error), "sign it again") from None


@dataclass(frozen=True, slots=True)
class _Vote:
    """A signature that holds, and for which principals."""

    names: tuple[str, ...]
    ballot: Ballot
    index: int

    def counted(self, identity: str) -> Signature:
        """Return it as made by one of them."""
        return Signature(identity, self.ballot.fingerprint, self.ballot.parts.algorithm, self.index)
