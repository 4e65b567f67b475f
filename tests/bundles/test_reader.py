from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.bundles import reader
from orchestrator.bundles.build import build
from orchestrator.bundles.reader import Bundle, claims, parts, read, verify_content
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust
from orchestrator.clock import WallClock
from orchestrator.errors import BundleError, TrustError

from .conftest import BUNDLE_YML, MakeSource


def test_reading(bundle: Bundle, built: Path) -> None:
    manifest = bundle.manifest
    assert (manifest.package, manifest.version) == ("gateway", "2.4.1")
    assert manifest.size == sum(
        path.lstat().st_size
        for path in (built.parent.parent / "content").rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    assert bundle.manifest_bytes == (built / "manifest.json").read_bytes()
    assert bundle.signature_bytes == (built / "manifest.sig").read_bytes()
    assert bundle.listing == (built / "listing").read_bytes()
    assert bundle.signatures[0].identity == "ci@example.org"
    for entry in manifest.files:
        assert bundle.content(entry.sha256).stat().st_size == entry.size
    verify_content(bundle)


def test_not_a_bundle_and_not_signed(built: Path, trust: Trust, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a built bundle; name a folder or file that"):
        read(tmp_path, trust)
    (built / "manifest.sig").unlink()
    with pytest.raises(TrustError, match="the bundle is not signed; sign it: fleet bundle sign"):
        read(built, trust)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "listing"])
def test_tampering(built: Path, trust: Trust, name: str) -> None:
    raw = bytearray((built / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (built / name).write_bytes(raw)
    with pytest.raises(TrustError) as caught:
        read(built, trust)
    assert str(caught.value).startswith(str(built))


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "listing"])
def test_what_is_no_regular_file_is_not_opened(built: Path, trust: Trust, name: str) -> None:
    (built / name).unlink()
    os.mkfifo(built / name)
    with pytest.raises(BundleError, match=f"{name}: cannot be read: not a regular file"):
        read(built, trust)


def test_a_manifest_without_end_is_not_read(
    built: Path, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_MANIFEST", 100)
    with pytest.raises(BundleError, match="longer than 100 bytes"):
        read(built, trust)


def test_expiry(make_source: MakeSource, keys: Path, trust: Trust) -> None:
    made = build(make_source(yml=BUNDLE_YML + "expires: 2026-02-01T00:00:00Z\n"))
    sign(made.folder, keys / "ed25519")
    assert read(made.folder, trust, now=1_769_903_999.0).manifest.expires
    with pytest.raises(TrustError, match="expired at 2026-02-01T00:00:00Z"):
        read(made.folder, trust, now=1_769_904_000.0)
    assert WallClock().now() > 1_769_904_000.0
    with pytest.raises(TrustError, match="expired"):
        read(made.folder, trust)


def remove(path: Path) -> None:
    path.unlink()


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[0] ^= 1
    path.write_bytes(raw)


def link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (remove, "is missing"),
        (shorten, "is not as long as was signed"),
        (flip, "is not what was signed"),
        (link, "cannot be read"),
    ],
)
def test_damaged_content(bundle: Bundle, damage: Callable[[Path], None], what: str) -> None:
    entries = {entry.path: entry for entry in bundle.manifest.files}
    for path in ("README", "two\nlines 100%"):
        damage(bundle.content(entries[path].sha256))
    with pytest.raises(TrustError) as caught:
        verify_content(bundle)
    said = [str(problem) for problem in caught.value.problems]
    assert len(said) == 2
    assert f"the content of 'copy of README' {what}" in said[0]
    assert f"the content of 'two\\nlines 100%' {what}" in said[1]


def test_inspecting_proves_nothing(built: Path) -> None:
    found = claims(parts(built))
    assert found["verified"] is False
    assert json.loads(str(found["manifest"]))["package"] == "gateway"
    claimed = found["signatures"]
    assert isinstance(claimed, list)
    [one] = claimed
    assert one["namespace"] == "fleet-bundle"
    (built / "manifest.json").write_bytes(b"\xff{")
    (built / "manifest.sig").write_bytes(b"noise")
    assert claims(parts(built)) == {
        "verified": False,
        "manifest": "\\xff{",
        "signatures": [{"malformed": "not an armored SSH signature"}],
    }
    (built / "manifest.sig").unlink()
    assert claims(parts(built))["signatures"] == []
