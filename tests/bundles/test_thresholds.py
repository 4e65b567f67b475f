"""Several signatures: who counts, how often, and how many it takes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import asyncssh
import pytest

from orchestrator.bundles.reader import Bundle, read
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust, identities
from orchestrator.errors import TrustError

from .conftest import signer_line

DATA = b'{"format":1}'


def signed(keys: Path, *names: str, data: bytes = DATA) -> bytes:
    made = (asyncssh.read_private_key(keys / name) for name in names)
    return b"".join(asyncssh.create_sshsig(key, data, namespace="fleet-bundle") for key in made)


def text(keys: Path, *head: str, **principals: str) -> str:
    lines = [f"#fleet {line}\n" for line in head]
    return "".join(lines + [signer_line(keys, name, who) for name, who in principals.items()])


def who(trust: Trust, signatures: bytes) -> list[str]:
    """Return who counts, and demand as many as a gateway needs."""
    found = trust.verify(DATA, signatures, "sig")
    found.demand("gateway", "sig")
    return list(identities(found.signatures))


def refusal(trust: Trust, signatures: bytes) -> str:
    with pytest.raises(TrustError) as caught:
        who(trust, signatures)
    return str(caught.value)


def test_two_of_three(keys: Path) -> None:
    trust = Trust.parse(text(keys, "threshold 2", ed25519="a", ecdsa="b", rsa="c"), "signers")
    assert who(trust, signed(keys, "rsa", "ed25519")) == ["c", "a"]
    assert who(trust, signed(keys, "stranger", "ecdsa", "rsa")) == ["-", "b", "c"]
    said = refusal(trust, signed(keys, "ecdsa", "stranger"))
    assert "signed by 1 of the 2 signers that package 'gateway' needs: b; have others" in said
    assert "which signers does not list" in said


def test_a_key_counts_once_and_a_name_counts_once(keys: Path) -> None:
    trust = Trust.parse(
        text(keys, "threshold 2", ed25519="a,b", ecdsa="a", rsa="c") + text(keys, ed25519="d"), "s"
    )
    assert "signed by 1 of the 2" in refusal(trust, signed(keys, "ed25519", "ed25519"))
    # ed25519 gives way, so that ecdsa, who has one name only, counts too
    assert who(trust, signed(keys, "ed25519", "ecdsa")) == ["b", "a"]
    one = Trust.parse(text(keys, "threshold 2", ed25519="a", ecdsa="a", rsa="c"), "s")
    assert "signed by 1 of the 2" in refusal(one, signed(keys, "ed25519", "ecdsa"))


@pytest.mark.parametrize(
    ("head", "demands", "needed"),
    [
        ((), {}, 1),
        (("threshold 2",), {}, 2),
        (("threshold 2", "threshold 1 gateway"), {}, 1),
        (("threshold 1", "threshold 2 gateway"), {}, 2),
        (("threshold 2 kiosk",), {}, 1),
        ((), {"gateway": 2}, 2),
        (("threshold 2",), {"gateway": 1}, 2),
        (("threshold 2",), {"kiosk": 3}, 2),
    ],
)
def test_the_higher_of_two_thresholds(
    keys: Path, head: tuple[str, ...], demands: dict[str, int], needed: int
) -> None:
    trust = Trust.parse(text(keys, *head, ed25519="a", ecdsa="b", rsa="c"), "signers")
    assert trust.demanding(demands).threshold("gateway") == needed


def test_a_revoked_key_never_counts(keys: Path) -> None:
    key = asyncssh.read_public_key(keys / "ed25519.pub").get_fingerprint()
    trust = Trust.parse(text(keys, f"revoked-key {key}", ed25519="a", ecdsa="b"), "signers")
    assert f"signed with key {key}, which signers revokes" in refusal(
        trust, signed(keys, "ed25519")
    )
    assert who(trust, signed(keys, "ed25519", "ecdsa")) == ["-", "b"]
    assert "a " not in trust.allowed_signers("gateway")


def test_a_revoked_bundle_is_refused(keys: Path) -> None:
    digest = hashlib.sha256(DATA).hexdigest()
    trust = Trust.parse(text(keys, f"revoked-bundle {digest}", ed25519="a"), "signers")
    assert "the bundle is revoked by signers" in refusal(trust, signed(keys, "ed25519"))


def test_an_expired_trust_file_vouches_for_nothing(keys: Path) -> None:
    trust = Trust.parse(text(keys, "expires 2020-01-01T00:00:00Z", ed25519="a"), "signers")
    assert "signers: the trust file expired at 2020-01-01" in refusal(
        trust, signed(keys, "ed25519")
    )
    later = Trust.parse(text(keys, "expires 2099-01-01T00:00:00Z", ed25519="a"), "signers")
    assert who(later, signed(keys, "ed25519")) == ["a"]


def test_a_key_for_trust_files_does_not_sign_bundles(keys: Path) -> None:
    line = signer_line(keys, "ed25519").replace("fleet-bundle", "fleet-trust")
    trust = Trust.parse(line + signer_line(keys, "ecdsa"), "signers")
    assert "which signers does not list" in refusal(trust, signed(keys, "ed25519"))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("#fleet threshhold 2", "directive 'threshhold' is unknown; did you mean 'threshold'?"),
        ("#fleet threshold", "threshold is not a number of signers; write: #fleet threshold 2"),
        ("#fleet threshold 0", "threshold is not a number"),
        ("#fleet threshold 2 a/b", "'a/b' is not a package name"),
        ("#fleet threshold 9", "bundles need 9 signers, and 1 may sign; add signers"),
        ("#fleet serial x", "serial is not a number from 1"),
        ("#fleet serial 1\n#fleet serial 2", "serial is given twice"),
        ("#fleet expires soon", "expires is not an instant"),
        ("#fleet revoked-key MD5:aa", "revoked-key does not name what it revokes"),
        ("#fleet revoked-bundle abc", "revoked-bundle does not name"),
        ("#fleet revoked-key é", "a directive with other than ASCII characters; write it in"),
        ("#fleet threshold 2\u00a0gateway", "a line with characters that do not print"),
        (
            "#fleet revoked-bundle " + "a" * 64 + "\r",
            "signers:2:1: a line with characters that do not print",
        ),
        ("\x0c#fleet serial 2", "a line with characters that do not print"),
        ("# fleet threshold 2", "a directive that is only a comment; write '#fleet' without"),
    ],
)
def test_bad_directives(keys: Path, line: str, what: str) -> None:
    with pytest.raises(TrustError) as caught:
        Trust.parse(signer_line(keys, "ed25519") + line + "\n", "signers")
    assert what in str(caught.value)
    assert str(caught.value).startswith("signers")


def test_comments_are_left_alone(keys: Path) -> None:
    Trust.parse("# fleet signers\n#fleets serial\n" + signer_line(keys, "ed25519"), "signers")


def test_signing_adds_a_signature(built: Path, keys: Path) -> None:
    sign(built, keys / "ecdsa")
    sign(built, keys / "ed25519")  # again: replaces its own
    both = Trust.parse(text(keys, "threshold 2", ed25519="a", ecdsa="b"), "signers")
    found = read(built, both)
    assert isinstance(found, Bundle)
    assert [signature.identity for signature in found.signatures] == ["b", "a"]
    with pytest.raises(TrustError, match="signed by 2 of the 3 signers that package 'gateway'"):
        read(built, both.demanding({"gateway": 3}))
    read(built, both.demanding({"kiosk": 3}))


def test_what_does_not_hold_is_left_out_by_signing(built: Path, keys: Path) -> None:
    stale = signed(keys, "ecdsa", data=b"{}")
    (built / "manifest.sig").write_bytes(stale + (built / "manifest.sig").read_bytes())
    sign(built, keys / "rsa")
    assert (built / "manifest.sig").read_bytes().count(b"BEGIN") == 2
