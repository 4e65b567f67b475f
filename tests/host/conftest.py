"""A host whose folders are on this machine, and signed bundles for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import asyncssh
import pytest

from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust

from .local_channel import LocalConnector
from .platforms import PLATFORMS, chosen
from .site import Site, make_bundles


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "key")
    (folder / "key").chmod(0o600)
    key.write_public_key(folder / "key.pub")
    return folder


@pytest.fixture(scope="module")
def trust(keys: Path) -> Trust:
    public = " ".join((keys / "key.pub").read_text().split()[:2])
    return Trust.parse(f'ci@example.org namespaces="fleet-bundle" {public}\n', "signers")


@pytest.fixture(scope="module")
def bundles(
    keys: Path, trust: Trust, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Bundle]:
    return make_bundles(tmp_path_factory.mktemp("bundles"), keys, trust)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PayloadStore]:
    store = PayloadStore(tmp_path_factory.mktemp("cache"))
    yield store
    store.close()


@pytest.fixture(scope="session")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the PATH of each platform."""
    base = tmp_path_factory.mktemp("platforms")
    return {name: it.lay_out(base / name.replace(" ", "-")) for name, it in PLATFORMS.items()}


@pytest.fixture(params=chosen("dash"))
def environment(request: pytest.FixtureRequest, platforms: dict[str, str]) -> dict[str, str]:
    """Return the environment of a session on a platform."""
    return os.environ | {"PATH": platforms[request.param]}


@pytest.fixture
async def site(
    tmp_path: Path,
    bundles: dict[str, Bundle],
    trust: Trust,
    store: PayloadStore,
    environment: dict[str, str],
) -> AsyncIterator[Site]:
    """Return a host with nothing on it."""
    site = Site(tmp_path, bundles, trust, store, partial(LocalConnector, environment))
    yield site
    await site.close()
