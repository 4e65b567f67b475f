"""A trust file that is to be pinned on hosts, and whether it may follow the one that is there.

As in TUF, a new trust file must be signed by as many as the old one demands of the next *and* by as
many as the new one demands; so a key that was stolen can be put out of office, and nobody can be
locked out by a file whose signers do not have their keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import rules
from orchestrator.bundles.sshsig import TRUST_NAMESPACE
from orchestrator.bundles.trust import Trust, identities
from orchestrator.clock import WallClock
from orchestrator.errors import TrustError


@dataclass(frozen=True, slots=True)
class Heir:
    """A trust file with the signatures in ``FILE.sig`` beside it, empty when there are none."""

    path: Path
    text: str
    signatures: bytes
    trust: Trust

    def follows(self, pinned: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return who signed this file: by the pinned one, and by itself, for each signature.

        Raises TrustError when it may not follow what is pinned.
        """
        before = Trust.parse(pinned, "the pinned trust file")
        old, new = before.content.serial, self.trust.content.serial
        if new <= old:
            what = f"its serial {new} is not above that of the pinned file, {old}"
            raise TrustError.at(str(self.path), what, f"write: #fleet serial {old + 1}")
        name = f"{self.path}.sig"
        if not self.signatures:
            mend = f"sign it: fleet trust sign {self.path} --key KEY"
            raise TrustError.at(name, "another file is pinned, and this one is not signed", mend)
        raw = self.text.encode()
        by_old = before.verify_trust_file(raw, self.signatures, name)
        by_new = self.trust.verify_trust_file(raw, self.signatures, name)
        return identities(by_old.signatures), identities(by_new.signatures)


def load(path: Path) -> Heir:
    """Read a trust file that hosts are to pin; raises TrustError for one that could lock them out.

    It must not have expired, and must name enough signers for the file that will follow it.
    """
    trust = Trust.load(path)
    content = trust.content
    if not content.able(TRUST_NAMESPACE):
        mend = f'name {TRUST_NAMESPACE} in the namespaces="…" of those who may sign the next one'
        raise TrustError.at(str(path), "nobody in it may sign the next trust file", mend)
    if not content.serial:
        mend = "write: #fleet serial 1"
        raise TrustError.at(str(path), "without a serial it could never be replaced", mend)
    if content.expires and rules.seconds(content.expires) <= WallClock().now():
        raise TrustError.at(str(path), f"it expired at {content.expires}", "renew it")
    return Heir(path, path.read_bytes().decode(), signatures_of(path), trust)


def signatures_of(path: Path) -> bytes:
    """Return what ``FILE.sig`` beside a trust file holds, nothing when there is none."""
    detached = path.with_name(f"{path.name}.sig")
    try:
        return detached.read_bytes() if detached.exists() else b""
    except OSError as error:
        raise TrustError.at(str(detached), f"cannot be read: {error.strerror}") from None
