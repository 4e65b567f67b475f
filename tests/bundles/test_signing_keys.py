"""Keys as OpenSSH keeps them: encrypted, certified, in an agent."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.bundles.build import build
from orchestrator.bundles.reader import read
from orchestrator.bundles.signing import sign, sign_trust_file
from orchestrator.bundles.trust import Trust
from orchestrator.errors import FleetError
from tests.bundles.interop import WHO, certify, new_key, public

from .conftest import MakeSource


@pytest.fixture
def unsigned(make_source: MakeSource) -> Path:
    return build(make_source()).folder


def line(key: Path, options: str = "") -> str:
    return f'{WHO} {options}namespaces="fleet-bundle" {public(key)}\n'


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_key_that_ssh_keygen_encrypted(unsigned: Path, tmp_path: Path, kind: str) -> None:
    key = new_key(tmp_path / "key", kind, passphrase="open sesame")
    asked = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "open sesame"

    sign(unsigned, key, ask=ask)
    assert asked == [f"Passphrase for {key}: "]
    assert read(unsigned, Trust.parse(line(key), "trust")).signatures[0].identity == WHO
    for wrong in (None, lambda _: "wrong"):
        with pytest.raises(FleetError, match="not a private key that can be used"):
            sign(unsigned, key, ask=wrong)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_certificate_signs_from_a_file(unsigned: Path, tmp_path: Path, kind: str) -> None:
    key, authority = new_key(tmp_path / "key", kind), new_key(tmp_path / "ca", "ed25519")
    sign(unsigned, certify(key, authority, WHO))
    trust = Trust.parse(line(authority, "cert-authority,"), "trust")
    assert read(unsigned, trust).signatures[0].identity == WHO


def test_a_certificate_signs_from_an_agent(unsigned: Path, tmp_path: Path, agent: Path) -> None:
    assert agent.exists()
    key, authority = new_key(tmp_path / "key", "ed25519"), new_key(tmp_path / "ca", "ed25519")
    certificate = certify(key, authority, WHO)
    subprocess.run(["ssh-add", "-q", key], check=True, timeout=30, env=dict(os.environ))
    elsewhere = tmp_path / "elsewhere-cert.pub"
    certificate.rename(elsewhere)
    sign(unsigned, elsewhere)
    trust = Trust.parse(line(authority, "cert-authority,"), "trust")
    assert read(unsigned, trust).signatures[0].identity == WHO


def test_ssh_keygen_verifies_what_signs_a_trust_file(tmp_path: Path) -> None:
    key, file = new_key(tmp_path / "key", "ed25519"), tmp_path / "trust"
    file.write_text("#fleet serial 1\n" + line(key).replace("-bundle", "-bundle,fleet-trust"))
    sign_trust_file(file, key)
    words: list[str | Path] = [
        "-f",
        file,
        "-I",
        WHO,
        "-n",
        "fleet-trust",
        "-s",
        tmp_path / "trust.sig",
    ]
    subprocess.run(
        ["ssh-keygen", "-Y", "verify", *words], input=file.read_bytes(), check=True, timeout=30
    )
