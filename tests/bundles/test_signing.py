"""Ours and the real ssh-keygen verify each other's signatures."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import asyncssh
import pytest

from orchestrator.bundles.build import build
from orchestrator.bundles.reader import read
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError, TrustError

from .conftest import MakeSource, signer_line

ALGORITHMS = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp256", "rsa": "rsa-sha2-512"}


def keygen_verify(folder: Path, signers: Path, identity: str, namespace: str) -> bool:
    options: list[str | Path] = ["-f", signers, "-I", identity, "-n", namespace]
    with (folder / "manifest.json").open("rb") as manifest:
        done = subprocess.run(
            ["ssh-keygen", "-Y", "verify", *options, "-s", folder / "manifest.sig"],
            stdin=manifest,
            capture_output=True,
            timeout=30,
            check=False,
        )
    return done.returncode == 0


def keygen_sign(folder: Path, key: Path, namespace: str = "fleet-bundle") -> None:
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", key, "-n", namespace, folder / "manifest.json"],
        check=True,
        capture_output=True,
        timeout=30,
    )
    (folder / "manifest.json.sig").rename(folder / "manifest.sig")


@pytest.fixture
def unsigned(make_source: MakeSource) -> Path:
    return build(make_source()).folder


@pytest.mark.parametrize("name", ALGORITHMS)
def test_ssh_keygen_verifies_ours(unsigned: Path, keys: Path, name: str, tmp_path: Path) -> None:
    signature = sign(unsigned, keys / name)
    assert signature.algorithm == ALGORITHMS[name]
    signers = tmp_path / "signers"
    signers.write_text(Trust.parse(signer_line(keys, name), "signers").allowed_signers("gateway"))
    assert keygen_verify(unsigned, signers, "ci@example.org", "fleet-bundle")
    assert not keygen_verify(unsigned, signers, "eve@example.org", "fleet-bundle")
    assert not keygen_verify(unsigned, signers, "ci@example.org", "git")
    with (unsigned / "manifest.json").open("ab") as manifest:
        manifest.write(b" ")
    assert not keygen_verify(unsigned, signers, "ci@example.org", "fleet-bundle")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_we_verify_what_ssh_keygen_signs(unsigned: Path, keys: Path, name: str) -> None:
    keygen_sign(unsigned, keys / name)
    bundle = read(unsigned, Trust.parse(signer_line(keys, name), "signers"))
    assert bundle.signatures[0].identity == "ci@example.org"
    assert bundle.signatures[0].algorithm == ALGORITHMS[name]
    keygen_sign(unsigned, keys / name, "file")
    with pytest.raises(TrustError, match="namespace 'file'"):
        read(unsigned, Trust.parse(signer_line(keys, name), "signers"))


def test_certificates_of_a_named_authority(unsigned: Path, keys: Path, tmp_path: Path) -> None:
    for suffix in ("", ".pub"):
        (tmp_path / f"user{suffix}").write_bytes((keys / f"ed25519{suffix}").read_bytes())
    (tmp_path / "user").chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-s", keys / "ecdsa", "-I", "id", "-n", "ci@x", tmp_path / "user.pub"],
        check=True,
        capture_output=True,
        timeout=30,
    )
    key = asyncssh.load_keypairs([(tmp_path / "user", tmp_path / "user-cert.pub")])[0]
    raw = (unsigned / "manifest.json").read_bytes()
    sig = asyncssh.create_sshsig(key, raw, namespace="fleet-bundle")
    (unsigned / "manifest.sig").write_bytes(sig)
    line = signer_line(keys, "ecdsa", "ci@x").replace("namespaces", "cert-authority,namespaces")
    trust = Trust.parse(line, "signers")
    assert read(unsigned, trust).signatures[0].identity == "ci@x"
    signers = tmp_path / "signers"
    signers.write_text(trust.allowed_signers("gateway"))
    assert keygen_verify(unsigned, signers, "ci@x", "fleet-bundle")
    with pytest.raises(TrustError, match="its certificate is not good for it"):
        read(unsigned, Trust.parse(line.replace("ci@x", "other@x"), "signers"))


def test_an_encrypted_key_asks_for_its_passphrase(
    unsigned: Path, keys: Path, tmp_path: Path, trust: Trust
) -> None:
    key = asyncssh.read_private_key(keys / "ed25519")
    path = tmp_path / "encrypted"
    path.write_bytes(key.export_private_key("pkcs8-pem", "open sesame"))
    prompts = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "open sesame"

    sign(unsigned, path, ask=ask)
    assert prompts == [f"Passphrase for {path}: "]
    assert read(unsigned, trust).signatures[0].identity == "ci@example.org"
    with pytest.raises(FleetError, match="not a private key that can be used") as caught:
        sign(unsigned, path, ask=lambda _: "wrong")
    assert "ssh-add" in caught.value.hint
    with pytest.raises(FleetError, match="not a private key that can be used"):
        sign(unsigned, path)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_keys_in_an_agent(unsigned: Path, keys: Path, agent: Path, name: str) -> None:
    with pytest.raises(FleetError, match="ssh-agent does not hold SHA256:"):
        sign(unsigned, keys / f"{name}.pub")
    subprocess.run(["ssh-add", "-q", keys / name], check=True, timeout=30, env=dict(os.environ))
    signature = sign(unsigned, keys / f"{name}.pub")
    assert signature.algorithm == ALGORITHMS[name]
    trust = Trust.parse(signer_line(keys, name), "signers")
    assert read(unsigned, trust).signatures[0].fingerprint == signature.fingerprint


def test_no_agent(unsigned: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(unsigned / "nothing"))
    with pytest.raises(FleetError, match="ssh-agent cannot be reached"):
        sign(unsigned, keys / "ed25519.pub")
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(FleetError, match="ssh-agent cannot be reached"):
        sign(unsigned, keys / "ed25519.pub")


def test_keys_that_are_none(unsigned: Path, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="No such file"):
        sign(unsigned, tmp_path / "gone")
    (tmp_path / "noise").write_text("noise")
    with pytest.raises(FleetError, match="not a private key"):
        sign(unsigned, tmp_path / "noise")


def test_what_could_not_be_trusted_is_not_signed(unsigned: Path, keys: Path) -> None:
    victim = next(path for path in (unsigned / "objects").rglob("*") if path.is_file())
    victim.write_bytes(b"damaged")
    with pytest.raises(TrustError, match="is not as long as was signed"):
        sign(unsigned, keys / "ed25519")
    (unsigned / "manifest.json").write_bytes(b"{}")
    with pytest.raises(BundleError, match="field 'format' is missing"):
        sign(unsigned, keys / "ed25519")
    assert not (unsigned / "manifest.sig").exists()
