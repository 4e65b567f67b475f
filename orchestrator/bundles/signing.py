"""Signing a built bundle with a private key file, or with a key that ssh-agent holds."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import asyncssh
from asyncssh.agent import SSHAgentKeyPair

from orchestrator.bundles import layout, reader
from orchestrator.bundles.sshsig import NAMESPACE, fingerprint
from orchestrator.bundles.trust import Signature, Trust
from orchestrator.errors import FleetError

Ask = Callable[[str], str]
"""Asks a person for a secret: a prompt goes in, what was typed comes out."""


def sign(folder: Path, key: Path, *, ask: Ask | None = None) -> Signature:
    """Sign the built bundle in ``folder`` and write its ``manifest.sig``.

    ``key`` is a private key file, or a public one whose private half ssh-agent holds (so keys on
    hardware tokens work). ``ask`` is called for the passphrase of an encrypted key file. Before
    the signature is written it is verified, and the manifest and all content are read back: what
    could not be trusted is not signed. Must not be called from a running event loop.

    Raises BundleError for an unfit bundle, FleetError for a key that cannot be used.
    """
    found = reader.parts(folder)
    with _pair(key, ask) as pair:
        signature = _create(pair, found.manifest, key)
        trust = _only(pair.public_data)
    bundle = reader.proved(replace(found, signature=signature), trust)
    reader.verify_content(bundle)
    _write(folder / layout.SIGNATURE, signature)
    return bundle.signature


def _write(path: Path, signature: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(signature)
        partial.rename(path)
    except OSError as error:
        hint = "make the bundle's folder writable, or make room there"
        raise FleetError(f"{path}: {error.strerror}", hint=hint) from None


@contextmanager
def _pair(key: Path, ask: Ask | None) -> Iterator[asyncssh.SSHKeyPair]:
    public = _public_key(key)
    if public is None:
        yield asyncssh.load_keypairs(_private_key(key, ask))[0]
        return
    with asyncio.Runner() as runner:
        agent = _agent(runner)
        try:
            yield _agent_pair(agent, runner, public, key)
        finally:
            agent.close()
            runner.run(agent.wait_closed())


def _public_key(key: Path) -> bytes | None:
    """Return the wire form of a public key file, None for any other file."""
    try:
        if b"PRIVATE KEY" in key.read_bytes()[:1000]:
            return None
        return asyncssh.read_public_key(key).public_data
    except OSError as error:
        raise FleetError(f"{key}: {error.strerror}", hint="name a private key file") from None
    except ValueError:
        return None


def _private_key(key: Path, ask: Ask | None) -> asyncssh.SSHKey:
    try:
        return asyncssh.read_private_key(key)
    except asyncssh.KeyImportError as error:
        if "assphrase" not in str(error) or not ask:
            raise _unusable(key, error) from None
    try:
        return asyncssh.read_private_key(key, ask(f"Passphrase for {key}: "))
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError) as error:
        raise _unusable(key, error) from None


def _unusable(key: Path, error: Exception) -> FleetError:
    hint = f"load it with `ssh-add {key}` and name the public key, {key}.pub, instead"
    return FleetError(f"{key}: not a private key that can be used ({error})", hint=hint)


class _AgentPair(asyncssh.SSHKeyPair):
    """A key in ssh-agent, as the synchronous pair that create_sshsig asks for."""

    def __init__(self, pair: SSHAgentKeyPair, runner: asyncio.Runner) -> None:
        super().__init__(
            pair.algorithm,
            pair.sig_algorithm,
            pair.sig_algorithms,
            pair.host_key_algorithms,
            pair.public_data,
            None,
        )
        self._pair = pair
        self._runner = runner

    @property
    def has_x509_chain(self) -> bool:
        return False

    def set_sig_algorithm(self, sig_algorithm: bytes) -> None:
        super().set_sig_algorithm(sig_algorithm)
        self._pair.set_sig_algorithm(sig_algorithm)

    def sign(self, data: bytes) -> bytes:
        return self._runner.run(self._pair.sign_async(data))


async def _connect() -> asyncssh.SSHAgentClient:
    return await asyncssh.connect_agent()


def _agent(runner: asyncio.Runner) -> asyncssh.SSHAgentClient:
    try:
        return runner.run(_connect())
    except OSError as error:
        hint = "start ssh-agent and add the key with ssh-add, or name the private key file"
        raise FleetError(f"ssh-agent cannot be reached: {error}", hint=hint) from None


def _agent_pair(
    agent: asyncssh.SSHAgentClient, runner: asyncio.Runner, public: bytes, key: Path
) -> asyncssh.SSHKeyPair:
    try:
        pairs = runner.run(agent.get_keys([public]))
    except ValueError as error:
        raise FleetError(f"ssh-agent does not answer: {error}") from None
    if not pairs:
        hint = f"add it with `ssh-add`; {key} is its public half"
        raise FleetError(f"ssh-agent does not hold {fingerprint(public)}", hint=hint)
    return _AgentPair(cast("SSHAgentKeyPair", pairs[0]), runner)


def _create(pair: asyncssh.SSHKeyPair, raw: bytes, key: Path) -> bytes:
    try:
        return asyncssh.create_sshsig(pair, raw, namespace=NAMESPACE)
    except ValueError as error:
        raise FleetError(f"{key}: signing failed: {error}") from None


def _only(public: bytes) -> Trust:
    """Return a trust in this one key, to verify what it has just signed."""
    size = int.from_bytes(public[:4], "big")
    key_type = public[4 : 4 + size].decode()
    encoded = base64.b64encode(public).decode()
    return Trust.parse(f'signer namespaces="{NAMESPACE}" {key_type} {encoded}', "signing key")
