"""Folder and file, behind one face."""

from __future__ import annotations

import io
import os
import tracemalloc
from pathlib import Path

import pytest

from orchestrator.bundles import archive, forms
from orchestrator.bundles.build import build
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError, TrustError

from .conftest import BUNDLE_YML, MakeSource
from .test_build import snapshot


@pytest.fixture
def file(make_source: MakeSource, keys: Path) -> Path:
    """A signed bundle as one file."""
    made = build(make_source("filed"), file=True)
    sign(made.folder, keys / "ed25519")
    return made.folder


def test_a_file_is_built_and_signed_as_a_folder_would_be_packed(
    make_source: MakeSource, keys: Path, file: Path
) -> None:
    folder = build(make_source("again")).folder
    sign(folder, keys / "ed25519")
    stream = io.BytesIO()
    archive.write(folder, stream)
    assert file.read_bytes() == stream.getvalue()
    assert [path.name for path in file.parent.iterdir()] == ["gateway-2.4.1.fleet"]


def test_both_are_verified(built: Path, file: Path, trust: Trust) -> None:
    assert forms.verify(built, trust).manifest == forms.verify(file, trust).manifest
    raw = bytearray(file.read_bytes())
    raw[-1536] ^= 1
    file.write_bytes(raw)
    with pytest.raises(TrustError, match=r"the content of 'objects/.*' is not what was signed"):
        forms.verify(file, trust)
    raw[-1536] ^= 1
    file.write_bytes(raw + b"\0")
    with pytest.raises(BundleError, match="something follows the end"):
        forms.verify(file, trust)


def test_signatures_add_up_in_a_file(file: Path, keys: Path) -> None:
    sign(file, keys / "rsa")
    sign(file, keys / "ed25519")
    signature = forms.form_of(file).parts().signature
    assert signature.count(b"BEGIN SSH SIGNATURE") == 2


def test_what_could_not_be_trusted_is_not_signed(file: Path, keys: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[-1536] ^= 1
    file.write_bytes(raw)
    with pytest.raises(TrustError, match="is not what was signed"):
        sign(file, keys / "rsa")
    assert file.read_bytes() == raw
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_file_that_changes_between_two_readings(
    file: Path, make_source: MakeSource, trust: Trust
) -> None:
    bundle = forms.verify(file, trust)
    other = build(make_source("other", BUNDLE_YML.replace("2.4.1", "2.4.2")), file=True).folder
    file.write_bytes(other.read_bytes())
    with pytest.raises(BundleError, match="changed while it was read"):
        forms.form_of(file).verify(bundle)


def test_packing_and_unpacking(built: Path, trust: Trust, tmp_path: Path) -> None:
    target = tmp_path / "out" / "app.fleet"
    forms.pack(built, target)
    forms.pack(built, target)
    assert forms.unpack(target, None, trust).folder == tmp_path / "out" / "app"
    assert snapshot(tmp_path / "out" / "app") == snapshot(built)
    named = target.rename(target.with_suffix(".bin"))
    with pytest.raises(BundleError, match=r"does not end in \.fleet; name the folder to make with"):
        forms.unpack(named, None, trust)
    assert forms.unpack(named, tmp_path / "more", trust).folder == tmp_path / "more"


def test_packing_replaces_nothing_of_worth(
    built: Path, file: Path, make_source: MakeSource, tmp_path: Path
) -> None:
    other = build(make_source("other", BUNDLE_YML.replace("2.4.1", "2.4.2"))).folder
    with pytest.raises(BundleError, match="signed already, with other content"):
        forms.pack(other, file)
    (built / "manifest.sig").unlink()
    with pytest.raises(BundleError, match=r"signed already, and .* is not; unpack it"):
        forms.pack(built, file)
    thesis = tmp_path / "thesis.fleet"
    thesis.write_bytes(b"mine")
    for place in (thesis, tmp_path):
        with pytest.raises(BundleError, match="there already, and not a bundle"):
            forms.pack(other, place)
    assert thesis.read_bytes() == b"mine"
    with pytest.raises(FleetError, match="File exists|Not a directory"):  # noqa: RUF043
        forms.pack(other, thesis / "app.fleet")


def test_nothing_there(tmp_path: Path, trust: Trust) -> None:
    with pytest.raises(BundleError, match="not a built bundle; name a folder or file"):
        forms.verify(tmp_path / "gone.fleet", trust)
    with pytest.raises(BundleError, match="cannot be read: No such file"):
        forms.unpack(tmp_path / "gone.fleet", None, trust)


def test_a_large_bundle_is_never_held_in_memory(
    make_source: MakeSource, keys: Path, trust: Trust, tmp_path: Path
) -> None:
    source = make_source()
    block = os.urandom(1 << 20)
    with (source / "content/large").open("wb") as large:
        for _ in range(64):
            large.write(block)
    tracemalloc.start()
    try:
        folder, file = build(source).folder, build(source, file=True).folder
        for place in (folder, file):
            sign(place, keys / "ed25519")
            forms.verify(place, trust)
        forms.pack(folder, tmp_path / "packed.fleet")
        forms.unpack(file, tmp_path / "unpacked", trust)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
