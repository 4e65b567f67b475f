from __future__ import annotations

import contextlib
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bundles import sshsig
from orchestrator.bundles.trust import Trust
from orchestrator.errors import TrustError

from .conftest import signer_line

DATA = b'{"format":1}'


def signature(keys: Path, name: str = "ed25519", namespace: str = "fleet-bundle") -> bytes:
    key = asyncssh.read_private_key(keys / name)
    return asyncssh.create_sshsig(key, DATA, namespace=namespace)


def refusal(trust: Trust, sig: bytes, data: bytes = DATA) -> str:
    with pytest.raises(TrustError) as caught:
        trust.verify(data, sig, "app/manifest.sig")
    return str(caught.value)


def test_a_signature_names_its_principal_and_key(keys: Path) -> None:
    text = "# who may sign\n\n" + signer_line(keys, "rsa", "ops@x") + signer_line(keys, "ed25519")
    trust = Trust.parse(text, "signers")
    signed = trust.verify(DATA, signature(keys), "app/manifest.sig")
    assert signed.raw == DATA
    assert signed.signatures[0].identity == "ci@example.org"
    assert signed.signatures[0].algorithm == "ssh-ed25519"
    key = asyncssh.read_public_key(keys / "ed25519.pub")
    assert signed.signatures[0].fingerprint == key.get_fingerprint()


def test_allowed_signers_holds_for_our_namespace_alone(keys: Path) -> None:
    line = signer_line(keys, "ed25519").replace('"fleet-bundle"', '"git,fleet-bundle"')
    trust = Trust.parse(line.replace(" namespaces", "\t  cert-authority,namespaces"), "signers")
    public = " ".join((keys / "ed25519.pub").read_text().split()[:2])
    expected = f'ci@example.org namespaces="fleet-bundle",cert-authority {public}\n'
    assert trust.allowed_signers("gateway") == f"#fleet threshold 1\n{expected}"


def test_wrong_namespace(keys: Path, trust: Trust) -> None:
    said = refusal(trust, signature(keys, namespace="git"))
    assert "app/manifest.sig: signed for namespace 'git', not 'fleet-bundle'" in said
    wide = signer_line(keys, "ed25519").replace('"fleet-bundle"', '"git,fleet-bundle"')
    assert "namespace 'git'" in refusal(
        Trust.parse(wide, "signers"), signature(keys, namespace="git")
    )


def test_unknown_signer(keys: Path, trust: Trust) -> None:
    fingerprint = asyncssh.read_public_key(keys / "stranger.pub").get_fingerprint()
    said = refusal(trust, signature(keys, "stranger"))
    assert f"signed with key {fingerprint}, which allowed_signers does not list; add the" in said


def test_tampered_data_and_signature(keys: Path, trust: Trust) -> None:
    assert "what it signed was changed afterwards" in refusal(trust, signature(keys), b"{}")
    armored = signature(keys)
    middle = len(armored) // 2
    flipped = b"A" if armored[middle : middle + 1] != b"A" else b"B"
    refusal(trust, armored[:middle] + flipped + armored[middle + 1 :])


def test_sha1_is_not_accepted(keys: Path) -> None:
    trust = Trust.parse(signer_line(keys, "rsa"), "signers")
    key = asyncssh.read_private_key(keys / "rsa")
    pair = asyncssh.load_keypairs(key)[0]

    class Weak(type(pair)):  # type: ignore[misc]
        def set_sig_algorithm(self, sig_algorithm: bytes) -> None:
            super().set_sig_algorithm(b"ssh-rsa")

    pair.__class__ = Weak
    sig = asyncssh.create_sshsig(pair, DATA, namespace="fleet-bundle")
    assert "algorithm 'ssh-rsa', which is not accepted" in refusal(trust, sig)


@pytest.mark.parametrize(
    ("option", "holds"),
    [
        ('valid-before="20200101"', False),
        ('valid-after="20990101"', False),
        ('valid-after="20200101",valid-before="20990101Z"', True),
    ],
)
def test_validity(keys: Path, option: str, holds: bool) -> None:
    text = signer_line(keys, "ed25519").replace(" namespaces", f" {option},namespaces")
    trust = Trust.parse(text, "signers")
    if holds:
        assert trust.verify(DATA, signature(keys), "sig").raw == DATA
    else:
        assert "outside its validity" in refusal(trust, signature(keys))


@pytest.mark.parametrize(
    ("replace", "by", "what"),
    [
        (' namespaces="fleet-bundle"', "", "does not name namespace 'fleet-bundle'; write name"),
        ('"fleet-bundle"', '"git"', "does not name namespace"),
        ('"fleet-bundle"', '"*"', "does not name namespace"),
        ('"fleet-bundle"', '"!fleet-bundle"', "does not name namespace"),
        ('"fleet-bundle"', "fleet-bundle", "not a line of an allowed_signers file"),
        ("namespaces", "namespace", "option 'namespace' is unknown; did you mean 'namespaces'"),
        ("namespaces", 'valid-before="soon",namespaces', "valid-before is not a time"),
        ("ci@example.org", "*", "'*' does not name its signers"),
        ("ci@example.org", "a,,b", "'a,,b' does not name its signers"),
        ("AAAA", "AAAB", "the public key cannot be read"),
        ("ci@example.org ", "ci\x0bb ", "characters that do not print"),
    ],
)
def test_bad_lines_are_refused_with_the_mend(keys: Path, replace: str, by: str, what: str) -> None:
    text = "# signers\n" + signer_line(keys, "ed25519").replace(replace, by, 1)
    with pytest.raises(TrustError) as caught:
        Trust.parse(text + text, "signers")
    first, second = (str(problem) for problem in caught.value.problems)
    assert first.startswith("signers:2:1: ")
    assert second.startswith("signers:4:1: ")
    assert what in first


def test_a_trust_file_without_signers() -> None:
    with pytest.raises(TrustError, match="no signers in it; add a line: name namespaces="):
        Trust.parse("# nobody\n", "signers")


def test_loading(keys: Path, tmp_path: Path) -> None:
    path = tmp_path / "allowed_signers"
    path.write_text(signer_line(keys, "ed25519"))
    assert len(Trust.load(path).content.signers) == 1
    path.write_bytes(b"#fleet revoked-bundle " + b"a" * 64 + b"\r\n" + path.read_bytes())
    with pytest.raises(TrustError, match="allowed_signers:1:1: a line with characters that do not"):
        Trust.load(path)
    with pytest.raises(TrustError, match="no such file"):
        Trust.load(tmp_path / "gone")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_signature_or_a_clear_error(raw: bytes) -> None:
    for armored in (raw, b"-----BEGIN SSH SIGNATURE-----\n" + raw):
        with pytest.raises(ValueError):
            sshsig.parse(armored)


@given(st.data())
def test_a_mutated_signature_never_holds_for_other_data(keys: Path, data: st.DataObject) -> None:
    trust = Trust.parse(signer_line(keys, "ed25519"), "signers")
    armored = bytearray(signature(keys))
    place = data.draw(st.integers(0, len(armored) - 1))
    armored[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(TrustError):
        trust.verify(DATA, bytes(armored), "sig")
    with pytest.raises(TrustError):
        trust.verify(DATA + b" ", bytes(armored), "sig")
