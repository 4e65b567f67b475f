"""A source folder, keys, and a signed bundle to start from."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from orchestrator.bundles.build import build
from orchestrator.bundles.reader import Bundle, read
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust

BUNDLE_YML = """\
package: gateway
version: 2.4.1
created: 2026-01-31T04:05:06Z
platform: {os: debian, arch: [x86_64, aarch64]}
shared: [data, etc/local.conf]
hooks: {pre_activate: bin/migrate}
"""

MakeSource = Callable[..., Path]


def write_key(folder: Path, name: str, algorithm: str, **options: object) -> Path:
    key = asyncssh.generate_private_key(algorithm, comment=name, **options)
    path = folder / name
    key.write_private_key(path)
    path.chmod(0o600)
    key.write_public_key(f"{path}.pub")
    return path


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the private and public keys ed25519, ecdsa, rsa and stranger."""
    folder = tmp_path_factory.mktemp("keys")
    write_key(folder, "ed25519", "ssh-ed25519")
    write_key(folder, "ecdsa", "ecdsa-sha2-nistp256")
    write_key(folder, "rsa", "ssh-rsa", key_size=2048)
    write_key(folder, "stranger", "ssh-ed25519")
    return folder


def signer_line(keys: Path, name: str, principal: str = "ci@example.org") -> str:
    public = " ".join((keys / f"{name}.pub").read_text().split()[:2])
    return f'{principal} namespaces="fleet-bundle" {public} {name}\n'


@pytest.fixture(scope="session")
def trust(keys: Path) -> Trust:
    return Trust.parse(signer_line(keys, "ed25519"), "allowed_signers")


@pytest.fixture
def make_source(tmp_path: Path) -> MakeSource:
    """Return a function that makes a source folder."""

    def make(name: str = "source", yml: str = BUNDLE_YML) -> Path:
        folder = tmp_path / name
        content = folder / "content"
        (content / "bin").mkdir(parents=True)
        (content / "bin/migrate").write_bytes(b"#!/bin/sh\nexit 0\n")
        (content / "bin/migrate").chmod(0o755)
        (content / "README").write_bytes(b"hello\n")
        (content / "copy of README").write_bytes(b"hello\n")
        (content / "-rf *").write_bytes(b"dash\n")
        (content / "two\nlines 100%").write_bytes(b"newline\n")
        (content / "grüße").mkdir(mode=0o750)
        (content / "grüße/日本").write_bytes(b"unicode\n")
        (content / "empty").mkdir()
        (content / "link to").symlink_to("./bin/../README")
        for path in (content, *content.rglob("*")):
            if not path.is_symlink() and path.name not in ("migrate", "grüße"):
                path.chmod(0o755 if path.is_dir() else 0o644)
        (content / "grüße").chmod(0o750)
        (folder / "bundle.yml").write_text(yml)
        return folder

    return make


@pytest.fixture
def built(make_source: MakeSource, keys: Path) -> Path:
    """The folder of a built and signed bundle."""
    made = build(make_source())
    sign(made.folder, keys / "ed25519")
    return made.folder


@pytest.fixture
def bundle(built: Path, trust: Trust) -> Bundle:
    return read(built, trust)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A running ssh-agent with its socket in the environment."""
    socket = tmp_path / "agent"
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        process.stdout.readline()  # said once it listens
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield socket
        process.send_signal(signal.SIGTERM)
