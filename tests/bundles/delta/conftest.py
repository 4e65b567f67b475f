"""Two bundles that follow one another, with much in common."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust

from .making import make_bundle

CHANCE = random.Random(3)
NOISE = CHANCE.randbytes(200_000)
OLD = {
    "bin/app": NOISE,
    "doc/a": b"the same in both\n",
    "doc/copy of gone": b"gone\n",
    "doc/empty": b"",
    "doc/gone": b"gone\n",
    "zlib": NOISE[:5000],
}
NEW = {
    "bin/app": NOISE[:90_000] + b"changed" + NOISE[90_010:],
    "doc/a, renamed": b"the same in both\n",
    "doc/empty too": b"",
    "doc/new": b"new\n",
    "doc/new as well": b"new\n",
    "zlib": NOISE[:4000],
}


@pytest.fixture(scope="session")
def old(keys: Path, trust: Trust, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("old"), keys, trust, "1.0.0", OLD)


@pytest.fixture(scope="session")
def new(keys: Path, trust: Trust, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("new"), keys, trust, "1.1.0", NEW)
