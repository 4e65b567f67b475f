"""docs/bundle-format.md says all that one must know: a reader written from it agrees with ours."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from pathlib import Path

import pytest

from orchestrator.bundles import archive
from orchestrator.bundles.build import build
from orchestrator.bundles.header import FORMATS

from . import minireader
from .mutants import pack
from .test_golden import DIGESTS, GOLDEN, TRUST

PAGE = (Path(__file__).parents[2] / "docs" / "bundle-format.md").read_text()
WHO = "golden@example.org"


@pytest.fixture
def signers(tmp_path: Path) -> Path:
    return Path(shutil.copy(GOLDEN / "allowed_signers", tmp_path))


@pytest.mark.parametrize("revision", DIGESTS)
def test_a_reader_from_the_page_agrees_with_ours(
    revision: str, signers: Path, tmp_path: Path
) -> None:
    raw = (GOLDEN / f"gateway-{revision}.fleet").read_bytes()
    manifest, contents = minireader.read(io.BytesIO(raw), signers, WHO)
    ours = archive.unpack(io.BytesIO(raw), tmp_path / "out", TRUST, name="golden")
    assert contents == {e.path: ours.content(e.sha256).read_bytes() for e in ours.manifest.files}
    assert manifest["urgency"] == ours.manifest.urgency
    assert manifest["notes"] == ours.manifest.notes
    assert manifest["requires"]["packages"] == dict(ours.manifest.requires.packages)
    assert manifest["floors"] == list(ours.manifest.floors)
    assert [(e["path"], e["schema"]) for e in manifest["config"]] == [
        (entry.path, entry.schema) for entry in ours.manifest.config
    ]


def test_it_refuses_what_we_refuse(signers: Path) -> None:
    raw = (GOLDEN / "gateway-1.2.fleet").read_bytes()
    for at in (0, 600, 1700, 5000, len(raw) - 1600, len(raw) - 1):
        spoilt = bytearray(raw)
        spoilt[at] ^= 1
        with pytest.raises(ValueError, match="instead of"):
            minireader.read(io.BytesIO(bytes(spoilt)), signers, WHO)


def test_all_fields_are_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (1(?:\.\d)?) \|", PAGE, re.MULTILINE)
    for spelled, names in FORMATS.items():
        number = float(spelled.strip('"'))
        assert sorted(name for name, since in rows if float(since) <= number) == sorted(names)


def test_the_example(tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content/greeting").write_bytes(b"hi\n")
    (tmp_path / "content/greeting").chmod(0o644)
    yml = "package: hello\nversion: 1.0.0\ncreated: 2026-01-31T04:05:06Z\n"
    (tmp_path / "bundle.yml").write_text(yml)
    made = build(tmp_path)
    blocks = re.findall(r"```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert [block.encode() for block in blocks] == [
        (made.folder / "manifest.json").read_bytes() + b"\n",
        (made.folder / "listing").read_bytes(),
    ]
    raw = pack(made.folder)
    assert len(raw) == 5632
    for told in (raw[:1024], raw):
        assert hashlib.sha256(told).hexdigest() in PAGE
    assert f"`1.0.0-{made.digest[:12]}`" in PAGE
