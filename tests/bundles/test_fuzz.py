"""Hundreds of mutants here, tens of thousands with ``bench/fuzz.py``."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import asyncssh
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.bundles import source
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError

from .conftest import BUNDLE_YML
from .mutants import INSIDERS, Victim, check_message, edited, judge, judge_folder, outsider

many = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
chances = st.randoms(use_true_random=False)


@pytest.fixture
def victim(built: Path, keys: Path, trust: Trust) -> Victim:
    return Victim(built, asyncssh.read_private_key(keys / "ed25519"), trust)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_the_judge_accepts_the_genuine(victim: Victim, workspace: Path) -> None:
    assert judge(victim.archive, workspace, victim.trust)
    assert judge_folder(victim.folder, victim)


@many
@given(chances)
def test_outsiders(victim: Victim, workspace: Path, chance: random.Random) -> None:
    judge(outsider(victim, chance), workspace, victim.trust)


@many
@given(chances, st.sampled_from(INSIDERS))
def test_insiders(victim, workspace: Path, chance: random.Random, mutator) -> None:
    judge(mutator(victim, chance), workspace, victim.trust)


def test_insiders_also_find_what_is_accepted(victim: Victim, workspace: Path) -> None:
    chance = random.Random(1)
    accepted = [judge(edited(victim, chance), workspace, victim.trust) for _ in range(100)]
    assert 0 < sum(accepted) < 100


@settings(many, max_examples=100)
@given(chances)
def test_folders(victim: Victim, workspace: Path, chance: random.Random) -> None:
    folder = workspace / "folder"
    shutil.copytree(victim.folder, folder)
    spoil(folder, chance)
    judge_folder(folder, victim)
    shutil.rmtree(folder)


def spoil(folder: Path, chance: random.Random) -> None:
    """Change, empty, remove or replace something in a built bundle's folder."""
    place = chance.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    raw = bytearray(place.read_bytes())
    change = chance.randrange(6)
    if change < 3 and raw:
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        place.write_bytes(raw[: chance.choice([len(raw), len(raw) // 2, 0])])
        return
    place.unlink()
    if change == 3:
        place.symlink_to(chance.choice(["/etc/passwd", "nowhere", "/dev/zero", "."]))
    elif change == 4:
        place.mkdir()
    elif change == 5:
        place.write_bytes(raw + b"more")


YAML = st.sampled_from(
    ["&a", "*a", "<<: *a", "- ", "{", "}", "[", "]", ": ", "\n", "!!binary", "|", ">", "'", '"']
)


@many
@given(st.data())
def test_bundle_yml(data: st.DataObject) -> None:
    text = BUNDLE_YML + "requires: {packages: {db: ^2}, memory: 1GiB}\nconfig: {etc/app.yml: 3}\n"
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 6))
        text = text[:start] + data.draw(YAML | st.text(max_size=6)) + text[end:]
    try:
        source.parse(text, Path("app"))
    except BundleError as error:
        check_message(error)
