"""What a build calls its bundle, and what it may replace."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bundles import layout
from orchestrator.bundles.build import build
from orchestrator.bundles.forms import form_of
from orchestrator.bundles.signing import sign
from orchestrator.errors import BundleError

from .conftest import BUNDLE_YML, MakeSource
from .test_build import snapshot


def edit(source: Path, text: str) -> None:
    (source / "content/README").write_text(text)


@pytest.fixture(params=[False, True], ids=["folder", "file"])
def file(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_an_equal_build_keeps_signature_and_revision(
    make_source: MakeSource, keys: Path, *, file: bool
) -> None:
    source = make_source()
    first = build(source, file=file)
    sign(first.folder, keys / "ed25519")
    signature = form_of(first.folder).parts().signature
    again = build(source, file=file)
    assert (again.folder, again.revision, again.signed) == (first.folder, 1, True)
    assert form_of(again.folder).parts().signature == signature


def test_other_content_gets_the_next_revision_once_the_last_is_signed(
    make_source: MakeSource, keys: Path, *, file: bool
) -> None:
    source = make_source()
    suffix = ".fleet" if file else ""
    sign(build(source, file=file).folder, keys / "ed25519")
    for text in ("second", "second, mended"):
        edit(source, text)
        made = build(source, file=file)
        assert (made.folder.name, made.revision) == (f"gateway-2.4.1_r2{suffix}", 2)
    sign(made.folder, keys / "ed25519")
    edit(source, "third")
    assert build(source, file=file).revision == 3
    edit(source, "second, mended")
    assert (build(source, file=file).revision, build(source, file=file).signed) == (2, True)
    edit(source, "hello\n")
    assert build(source, file=file).folder.name == f"gateway-2.4.1{suffix}"


def test_both_forms_count(make_source: MakeSource, keys: Path) -> None:
    source = make_source()
    sign(build(source).folder, keys / "ed25519")
    assert build(source, file=True).revision == 1
    edit(source, "second")
    assert build(source, file=True).folder.name == "gateway-2.4.1_r2.fleet"


def test_a_revision_that_is_given_is_kept_to(make_source: MakeSource, keys: Path) -> None:
    source = make_source(yml=BUNDLE_YML + "revision: 7\n")
    made = build(source)
    assert made.folder.name == "gateway-2.4.1_r7"
    sign(made.folder, keys / "ed25519")
    before = snapshot(made.folder)
    edit(source, "other")
    with pytest.raises(BundleError, match="signed already, with other content; raise version or"):
        build(source)
    assert snapshot(made.folder) == before
    (made.folder / "manifest.sig").unlink()
    assert build(source).digest != made.digest


def test_what_is_no_bundle_is_neither_counted_nor_replaced(make_source: MakeSource) -> None:
    source = make_source()
    for name in ("gateway-2.4.1", "gateway-2.4.1_r9", "gateway-2.4.1_rx", "gateway-2.4.10"):
        (source / "built" / name).mkdir(parents=True)
        (source / "built" / name / "thesis.txt").write_bytes(b"mine")
    before = snapshot(source / "built")
    with pytest.raises(BundleError, match="there already, and not a bundle; move it away"):
        build(source)
    assert snapshot(source / "built") == before


def test_names(tmp_path: Path) -> None:
    for version, revision in (("1.0.0", 1), ("1.0.0", 2), ("1.0.0-rc.1+x", 12)):
        name = layout.title("app", version, revision)
        for place in (tmp_path / name, tmp_path / f"{name}.fleet"):
            place.write_bytes(b"")
            assert layout.revisions(tmp_path, "app", version)[place] == revision
    assert len(layout.revisions(tmp_path, "app", "1.0.0")) == 4
    assert layout.revisions(tmp_path / "gone", "app", "1.0.0") == {}
