"""Signed bundles of given files, for the tests of patches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.bundles.build import build
from orchestrator.bundles.reader import Bundle, read
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust


def make_bundle(
    folder: Path, keys: Path, trust: Trust, version: str, files: Mapping[str, bytes]
) -> Bundle:
    """Build and sign a bundle of package app with these files."""
    source = folder / f"source-{version}"
    (source / "content").mkdir(parents=True)
    for name, data in files.items():
        path = source / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    text = f"package: app\nversion: {version}\ncreated: 2026-01-31T04:05:06Z\n"
    (source / "bundle.yml").write_text(text)
    built = build(source)
    sign(built.folder, keys / "ed25519")
    return read(built.folder, trust)
