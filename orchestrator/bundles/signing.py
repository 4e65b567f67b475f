"""Signing a built bundle with a private key file, or with a key that ssh-agent holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import asyncssh
from asyncssh.agent import SSHAgentKeyPair

from orchestrator.bundles import reader, sshsig
from orchestrator.bundles.forms import form_of
from orchestrator.bundles.rotation import signatures_of
from orchestrator.bundles.sshsig import NAMESPACE, TRUST_NAMESPACE, fingerprint
from orchestrator.bundles.trust import Signature, Trust
from orchestrator.errors import FleetError, TrustError

CERTIFICATE = "-cert.pub"
"""What ssh-keygen adds to a key's name for its certificate."""

Ask = Callable[[str], str]
"""Asks a person for a secret: a prompt goes in, what was typed comes out."""


def sign(place: Path, key: Path, *, ask: Ask | None = None) -> Signature:
    """Sign the built bundle at ``place``, a folder or ``.fleet`` file: add to its signatures.

    ``key`` is a private key file; or a public key whose private half ssh-agent holds (so keys on
    hardware tokens work); or a certificate ``KEY-cert.pub`` with the private half beside it, or in
    ssh-agent. ``ask`` is called for the passphrase of an encrypted key file. Signatures of other
    keys stay when they hold, an earlier one of the same key is replaced. Before anything is written
    the signature is verified, and the manifest and all content are read back: what could not be
    trusted is not signed. Must not be called from a running event loop.

    Raises BundleError for an unfit bundle, FleetError for a key that cannot be used.
    """
    form = form_of(place)
    found = form.parts()
    block = signature(found.manifest, key, NAMESPACE, ask)
    own = Trust.in_maker(block, NAMESPACE)
    bundle = reader.proved(replace(found, signature=block), own)
    made, together = _joined(block, found.manifest, found.signature, NAMESPACE)
    form.sign(replace(bundle, signature_bytes=together))
    return made


def sign_trust_file(path: Path, key: Path, *, ask: Ask | None = None) -> Signature:
    """Sign the trust file at ``path``: add a signature to ``FILE.sig``; key and ``ask`` as in sign.

    Raises TrustError for a trust file that is unfit, FleetError for a key that cannot be used.
    """
    Trust.load(path)
    raw = path.read_bytes()
    block = signature(raw, key, TRUST_NAMESPACE, ask)
    target = path.with_name(f"{path.name}.sig")
    earlier = signatures_of(path)
    made, together = _joined(block, raw, earlier, TRUST_NAMESPACE)
    _write(target, together)
    return made


def signature(raw: bytes, key: Path, namespace: str, ask: Ask | None = None) -> bytes:
    """Return one armored signature of ``raw``; key and ``ask`` as in sign; raises FleetError."""
    with _pair(key, ask) as pair:
        try:
            return asyncssh.create_sshsig(pair, raw, namespace=namespace)
        except ValueError as error:
            raise FleetError(f"{key}: signing failed: {error}") from None


def _joined(block: bytes, raw: bytes, earlier: bytes, namespace: str) -> tuple[Signature, bytes]:
    """Return a signature, verified, and its block after those of other keys that hold."""
    made = _made(block, raw, namespace)
    others = []
    for other in _blocks(earlier):
        with suppress(TrustError):  # what counts for nobody is left out
            if _made(other, raw, namespace).fingerprint != made.fingerprint:
                others.append(other)
    return made, b"".join([*others, block])


def _made(block: bytes, raw: bytes, namespace: str) -> Signature:
    """Return whose key made a signature, trusted or not; TrustError if it does not hold."""
    trust = Trust.in_maker(block, namespace)
    [signature] = trust.verified(raw, block, "signature", namespace).signatures
    return signature


def _blocks(earlier: bytes) -> tuple[bytes, ...]:
    try:
        return sshsig.split(earlier)
    except ValueError:
        return ()


def _write(path: Path, signature: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(signature)
        partial.rename(path)
    except OSError as error:
        hint = "make the folder writable, or make room there"
        raise FleetError(f"{path}: {error.strerror}", hint=hint) from None


@contextmanager
def _pair(key: Path, ask: Ask | None) -> Iterator[asyncssh.SSHKeyPair]:
    private = key.with_name(key.name.removesuffix(CERTIFICATE))
    if private != key and private.exists():
        yield asyncssh.load_keypairs([(_private_key(private, ask), key)])[0]
        return
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
        if key.name.endswith(CERTIFICATE):
            return asyncssh.read_certificate(key).public_data
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
