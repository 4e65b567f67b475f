"""Which trust file may follow which."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bundles.rotation import Heir, load
from orchestrator.bundles.signing import sign_trust_file
from orchestrator.errors import TrustError

from .conftest import signer_line

ROOT = '"fleet-bundle,fleet-trust"'


def text(keys: Path, *head: str, **principals: str) -> str:
    lines = [signer_line(keys, name, who) for name, who in principals.items()]
    spelled = "".join(lines).replace('"fleet-bundle"', ROOT)
    return "".join(f"#fleet {line}\n" for line in head) + spelled


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trust"


def heir(keys: Path, file: Path, content: str, *signers: str) -> Heir:
    file.write_text(content)
    for name in signers:
        sign_trust_file(file, keys / name)
    return load(file)


def refusal(heir: Heir, pinned: str) -> str:
    with pytest.raises(TrustError) as caught:
        heir.follows(pinned)
    return str(caught.value)


def test_by_old_and_new_signers(keys: Path, file: Path) -> None:
    old = text(keys, "serial 1", ed25519="ann")
    new = text(keys, "serial 2", ecdsa="ben", rsa="ann")
    both = heir(keys, file, new, "ed25519", "ecdsa")
    assert both.follows(old) == (("ann",), ("-", "ben"))
    file.with_name("trust.sig").unlink()
    said = refusal(heir(keys, file, new, "ecdsa"), old)
    assert "which the pinned trust file does not list for fleet-trust" in said


def test_as_many_as_each_demands(keys: Path, file: Path) -> None:
    people = {"ed25519": "ann", "ecdsa": "ben", "rsa": "cay"}
    old = text(keys, "serial 1", "trust-threshold 3", **people)
    new = text(keys, "serial 2", "threshold 2", **people)
    said = refusal(heir(keys, file, new, "ed25519", "ecdsa"), old)
    assert "signed by 2 of the 3 signers that a trust file needs: ann, ben; have others" in said
    old = text(keys, "serial 1", **people)
    file.with_name("trust.sig").unlink()
    assert "signed by 1 of the 2" in refusal(heir(keys, file, new, "rsa"), old)
    assert heir(keys, file, new, "ecdsa").follows(old) == (("cay", "ben"), ("cay", "ben"))


def test_an_expired_file_may_be_replaced(keys: Path, file: Path) -> None:
    old = text(keys, "serial 1", "expires 2020-01-01T00:00:00Z", ed25519="ann")
    new = text(keys, "serial 2", ed25519="ann")
    assert heir(keys, file, new, "ed25519").follows(old) == (("ann",), ("ann",))


def test_the_serial_only_rises(keys: Path, file: Path) -> None:
    new = heir(keys, file, text(keys, "serial 2", ed25519="ann"), "ed25519")
    for serial in (2, 3):
        said = refusal(new, text(keys, f"serial {serial}", ed25519="ann"))
        assert f"serial 2 is not above that of the pinned file, {serial}; write: #fleet" in said
    file.with_name("trust.sig").unlink()
    said = refusal(load(file), text(keys, "serial 1", ed25519="ann"))
    assert "this one is not signed; sign it: fleet trust sign" in said


def test_a_changed_file_needs_new_signatures(keys: Path, file: Path) -> None:
    old = text(keys, "serial 1", ed25519="ann")
    heir(keys, file, text(keys, "serial 2", ed25519="ann"), "ed25519")
    changed = heir(keys, file, text(keys, "serial 3", ed25519="ann"))
    assert "what it signed was changed afterwards" in refusal(changed, old)
    assert heir(keys, file, changed.text, "ed25519").follows(old) == (("ann",), ("ann",))
    assert file.with_name("trust.sig").read_bytes().count(b"BEGIN") == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (("serial 1", "expires 2020-01-01T00:00:00Z"), "it expired at 2020-01-01T00:00:00Z"),
        ((), "without a serial it could never be replaced; write: #fleet serial 1"),
        (("serial 1", "trust-threshold 2"), "trust files need 2 signers, and 1 may sign"),
    ],
)
def test_what_is_not_fit_to_be_pinned(
    keys: Path, file: Path, content: tuple[str, ...], what: str
) -> None:
    with pytest.raises(TrustError) as caught:
        heir(keys, file, text(keys, *content, ed25519="ann"))
    assert what in str(caught.value)


def test_somebody_must_be_able_to_sign_the_next_one(keys: Path, file: Path) -> None:
    file.write_text("#fleet serial 1\n" + signer_line(keys, "ed25519"))
    with pytest.raises(TrustError, match="nobody in it may sign the next trust file; name fleet"):
        load(file)
