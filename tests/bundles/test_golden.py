"""Bundles of every format that was ever written stay readable, and mean what they meant.

Their content is the same; ``golden/`` holds them as they were built and signed at their time.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from orchestrator.bundles import archive, reader
from orchestrator.bundles.trust import Trust
from orchestrator.model.bundle import ConfigEntry, LinkEntry, Platform, Requirements, Urgency

GOLDEN = Path(__file__).parent / "golden"
TRUST = Trust.load(GOLDEN / "allowed_signers")
DIGESTS = {
    "1.0": "0a1b9fc9867a695ba3eed136f3dbcea4bf5783782e460ebbb059c85395c49af5",
    "1.1": "338db3fe8d2dfd1fe0499f760252d15f968471f7788f882d2cd5164bd25c4bd2",
    "1.2": "caf3509239f3542793f7ccfb74f610b21c54ff18ac967cdce01af4d4364c4c90",
}


@pytest.fixture(params=DIGESTS)
def revision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def golden(revision: str, tmp_path: Path) -> reader.Bundle:
    with (GOLDEN / f"gateway-{revision}.fleet").open("rb") as file:
        return archive.unpack(file, tmp_path / "out", TRUST, name=file.name)


def test_it_is_read_as_it_was_written(golden: reader.Bundle, revision: str) -> None:
    manifest = golden.manifest
    assert manifest.digest == DIGESTS[revision]
    assert (manifest.package, manifest.version, manifest.revision) == ("gateway", "2.4.1", 2)
    assert manifest.expires == "2126-01-31T04:05:06Z"
    assert manifest.platform == Platform(os=("debian", "ubuntu"), arch=("x86_64",))
    assert manifest.hooks == {"pre_activate": "bin/migrate"}
    assert manifest.links == (LinkEntry("link to", "./bin/../README"),)
    assert manifest.shared == ("data",)
    assert [entry.path for entry in manifest.files] == [
        *("README", "bin/migrate", "copy of README", "empty"),
        *("etc/app.yml", "grüße/日本", "two\nlines 100%"),
    ]
    reader.verify_content(golden)


def test_what_its_format_did_not_know_has_its_default(golden: reader.Bundle, revision: str) -> None:
    manifest = golden.manifest
    if revision == "1.0":
        assert (manifest.urgency, manifest.notes) == (Urgency.NORMAL, "")
        assert (manifest.requires, manifest.provides) == (Requirements(), ())
        assert manifest.floors == ()
    else:
        assert manifest.urgency is Urgency.CRITICAL
        assert manifest.notes == "Mends the leak.\n\nRestart twice: «früh» and late."
        assert manifest.requires == Requirements((("gateway-db", "^2.4"),), 512 << 20, ("gpu",))
        assert manifest.provides == (("gateway-api", "2.1.0"),)
        assert manifest.floors == (">=2.0.0",)
    known = (ConfigEntry("data/app.db", 12), ConfigEntry("etc/app.yml", 3))
    assert manifest.config == (known if revision == "1.2" else ())


def test_it_is_packed_as_it_was(golden: reader.Bundle, revision: str) -> None:
    stream = io.BytesIO()
    archive.write(golden.folder, stream)
    assert stream.getvalue() == (GOLDEN / f"gateway-{revision}.fleet").read_bytes()
