"""Both ends of a patch: what it is against, what it gives, and how these line up."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.bundles import canonical
from orchestrator.bundles.delta import bases, targets
from orchestrator.bundles.delta.encoders import Segment
from orchestrator.bundles.payload import missing
from orchestrator.bundles.reader import Bundle
from orchestrator.errors import TrustError

from .conftest import NEW, OLD


def test_the_base(old: Bundle, new: Bundle, tmp_path: Path) -> None:
    picks = bases.picked(old, new.manifest)
    assert [pick.entry.path for pick in picks] == ["bin/app", "doc/copy of gone", "zlib"]
    made = bases.write(old, picks, tmp_path / "base")
    raw = (tmp_path / "base").read_bytes()
    content = OLD["bin/app"] + OLD["doc/gone"] + OLD["zlib"]
    assert raw == old.manifest_bytes + old.listing + content
    assert made.sha256 == hashlib.sha256(raw).hexdigest()
    assert (made.release, made.picks, made.size) == (old.manifest.release, "1,3,6", len(raw))
    lines = old.listing.decode().splitlines()
    assert [lines[int(n) - 1].split(" ", 4)[-1] for n in made.picks.split(",")] == [
        pick.entry.path for pick in picks
    ]


def test_picks_are_ranges(old: Bundle, new: Bundle, tmp_path: Path) -> None:
    entries = [bases.Pick(n, old.manifest.files[0]) for n in (2, 3, 4, 6, 8, 9)]
    assert bases.write(old, entries, tmp_path / "base").picks == "2-4,6,8-9"
    assert bases.write(old, [], tmp_path / "base").picks == ""


def test_damaged_content_makes_no_base(old: Bundle, new: Bundle, tmp_path: Path) -> None:
    picks = bases.picked(old, new.manifest)
    damaged = replace(old, folder=tmp_path)
    place = damaged.content(picks[0].entry.sha256)
    place.parent.mkdir(parents=True)
    place.write_bytes(OLD["bin/app"][:-1] + b"?")
    with pytest.raises(TrustError, match="the content of 'bin/app'"):
        bases.write(damaged, picks, tmp_path / "base")


def test_the_target(old: Bundle, new: Bundle, tmp_path: Path) -> None:
    found = targets.target(new, missing(new.manifest, [old.manifest]))
    assert found
    assert [e.path for e in found.files] == ["bin/app", "doc/new", "doc/new as well", "zlib"]
    found.write(tmp_path / "target")
    raw = (tmp_path / "target").read_bytes()
    assert len(raw) == found.size
    manifest, signature, listing = found.heads
    assert raw[manifest : manifest + signature] == new.signature_bytes
    head = raw[manifest + signature :][:listing].decode()
    rest = raw[manifest + signature + listing :]
    assert rest == NEW["bin/app"] + b"new\nnew\n" + NEW["zlib"]
    assert not any(entry.sha256 in head for entry in found.files)
    for entry in found.files:
        head = head.replace(" @ ", f" {entry.sha256} ", 1)
    assert head.encode() == new.listing
    all_files = new.manifest.files
    files = [
        {"mode": "0644", "path": e.path, "sha256": e.sha256, "size": e.size} for e in all_files
    ]
    written = b'"files":' + canonical.encode(files)
    assert raw[:manifest].replace(b'"files":[@]', written) == new.manifest_bytes


def test_what_cannot_be_a_target(new: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    first = new.manifest.files[0]
    for name in ("new\nline", "back\\slash"):
        assert targets.target(new, [replace(first, path=name)]) is None
    odd = replace(new, manifest_bytes=new.manifest_bytes.replace(b'"size"', b'"length"'))
    assert targets.target(odd, [first]) is None
    some = replace(new, listing=new.listing.replace(first.sha256.encode(), b"0" * 64))
    assert targets.target(some, [first]) is None
    assert targets.target(new, [first])
    monkeypatch.setattr(targets, "MOST_FILES", 0)
    assert targets.target(new, [first]) is None


def test_segments_are_cut_at_equal_paths(
    old: Bundle, new: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    picks = bases.picked(old, new.manifest)
    found = targets.target(new, missing(new.manifest, [old.manifest]))
    assert found
    heads = len(old.manifest_bytes) + len(old.listing), sum(found.heads)
    whole = bases.segments(old, picks, heads[1], found.files)
    assert whole == (Segment((0, bases.size(old, picks)), (0, found.size)),)
    monkeypatch.setattr(bases, "BLOCK", 100_000)
    first, second = bases.segments(old, picks, heads[1], found.files)
    app = heads[0] + len(OLD["bin/app"]), heads[1] + len(NEW["bin/app"])
    assert (first.base, first.target) == ((0, app[0]), (0, app[1]))
    assert (second.base, second.target) == (
        (app[0], bases.size(old, picks)),
        (app[1], found.size),
    )
