"""Patches made earlier: found again, never believed, and not too many of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from orchestrator.bundles.delta.cache import Patch, PatchCache
from orchestrator.model.transfer import Base

BASE = Base("1.0.0-0123456789ab", "1-3,5", "ab" * 32, 77)
KEYS = [f"{number:064x}" for number in range(4)]


def make(folder: Path, name: str, data: bytes) -> Patch:
    path = folder / name
    path.write_bytes(data)
    return Patch(path, len(data), hashlib.sha256(data).hexdigest(), 9, BASE)


def test_what_was_put_is_found_again(tmp_path: Path) -> None:
    cache = PatchCache(tmp_path / "patches")
    assert cache.take(KEYS[0], tmp_path / "to") is None
    made = make(tmp_path, "made", b"patch")
    cache.put(KEYS[0], made)
    made.path.unlink()
    found = PatchCache(tmp_path / "patches").take(KEYS[0], tmp_path / "to")
    assert found == Patch(tmp_path / "to", 5, made.sha256, 9, BASE)
    assert (tmp_path / "to").read_bytes() == b"patch"


@pytest.mark.parametrize("damage", ["patch", "note", "no note", "odd note"])
def test_what_is_damaged_is_not_used(tmp_path: Path, damage: str) -> None:
    cache = PatchCache(tmp_path / "patches")
    cache.put(KEYS[0], make(tmp_path, "made", b"patch"))
    kept, note = tmp_path / "patches" / KEYS[0], tmp_path / "patches" / f"{KEYS[0]}.json"
    match damage:
        case "patch":
            kept.unlink()
            kept.write_bytes(b"Patch")
        case "note":
            note.write_text('{"sha256"')
        case "no note":
            note.unlink()
        case _:
            note.write_text('{"sha256": "x", "plain": [], "base": {"odd": 1}}')
    assert cache.take(KEYS[0], tmp_path / "to") is None
    cache.put(KEYS[0], make(tmp_path, "again", b"patch"))
    assert cache.take(KEYS[0], tmp_path / "to")


def test_those_not_used_for_longest_go_first(tmp_path: Path) -> None:
    folder = tmp_path / "patches"
    cache = PatchCache(folder, limit=250)
    for age, key in enumerate(KEYS[:2]):
        cache.put(key, make(tmp_path, f"made{key}", bytes(100)))
        os.utime(folder / key, (1000 + age, 1000 + age))
    used = cache.take(KEYS[0], tmp_path / "used")
    cache.put(KEYS[2], make(tmp_path, "third", bytes(100)))
    assert used
    assert cache.take(KEYS[1], tmp_path / "second") is None
    assert cache.take(KEYS[0], tmp_path / "first")
    assert cache.take(KEYS[2], tmp_path / "third again")
    assert sorted(path.name for path in folder.glob("[0-9a-f]*")) == sorted(
        name for key in (KEYS[0], KEYS[2]) for name in (key, f"{key}.json")
    )


def test_what_is_in_use_survives_its_eviction(tmp_path: Path) -> None:
    cache = PatchCache(tmp_path / "patches", limit=10)
    made = make(tmp_path, "made", bytes(100))
    cache.put(KEYS[0], made)
    assert not list((tmp_path / "patches").glob("0*"))
    assert made.path.read_bytes() == bytes(100)


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "patches").write_text("a file")
    cache = PatchCache(tmp_path / "patches")
    cache.put(KEYS[0], make(tmp_path, "made", b"patch"))
    assert cache.take(KEYS[0], tmp_path / "to") is None
