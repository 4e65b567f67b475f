"""``fleet trust`` and ``fleet hosts enrol``: trust files signed, shown and pinned on hosts."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.bundles import rotation, signing
from orchestrator.bundles.sshsig import NAMESPACE, TRUST_NAMESPACE
from orchestrator.bundles.trust import Trust
from orchestrator.bundles.trustfile import Signer, TrustFile
from orchestrator.cli.flags import (
    ask_become,
    become_password,
    connection_flags,
    options_of,
    passphrase,
)
from orchestrator.errors import ExitCode, HostError, TrustError
from orchestrator.home import Home
from orchestrator.host.procedures.enrolling import Enrolled, Enrolment
from orchestrator.report.escaping import printable
from orchestrator.service.enrolling import enrol_all
from orchestrator.service.operator import operator
from orchestrator.service.surveying import Found

FILE = click.Path(path_type=Path)


@click.group()
def trust() -> None:
    """Sign and show trust files: who may sign bundles."""


@trust.command()
@click.argument("file", type=FILE)
@click.option("-k", "--key", type=FILE, required=True, help="Private key, or .pub with an agent.")
def sign(file: Path, key: Path) -> int:
    """Sign a trust file (SSHSIG, namespace fleet-trust) in FILE.sig; others' signatures stay."""
    made = signing.sign_trust_file(file, key, ask=passphrase)
    click.echo(f"signed {file} with {made.fingerprint} ({made.algorithm})")
    return ExitCode.OK


@trust.command()
@click.argument("file", type=FILE)
def show(file: Path) -> int:
    """Show what a trust file says, and who signed it by its own word."""
    found = Trust.load(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    for line in (*_head(found.content), f"sha256 {digest}", *_signers(found.content)):
        click.echo(line)
    click.echo(_signed(found, file))
    return ExitCode.OK


@click.command()
@click.argument("plan", type=FILE)
@connection_flags
@ask_become
def enrol(plan: Path, *, ask_become_pass: bool, **given: Any) -> int:
    """Pin PLAN's trust file on every host: from then on they let nobody else's bundles in.

    What is pinned already is replaced by a file with a higher serial that is signed by as many as
    the old file demands, and by as many as the new one does (fleet trust sign).
    """
    options = options_of(given)
    site = compose.read_site(plan, options)
    heir = rotation.load(compose.trust_path(site.plan, Home.find(), options))
    ssh = compose.connector(site.plan, options, become_password(ask=ask_become_pass), os.environ)

    async def pin() -> Found[Enrolled]:
        try:
            return await enrol_all(
                site.plan,
                site.chosen,
                ssh,
                file=heir.text,
                signatures=heir.signatures.decode("ascii", errors="replace"),
                judge=heir.follows,
                owner=operator(),
            )
        finally:
            await ssh.close()

    codes = {_print(host, answer) for host, answer in _by_host(asyncio.run(pin()))}
    return ExitCode.FAILED if ExitCode.FAILED in codes else max(codes, default=ExitCode.OK)


def _by_host(found: Found[Enrolled]) -> Iterator[tuple[str, Enrolled | HostError]]:
    """Yield each answer of a host once, though several packages share a state folder."""
    told: set[tuple[str, str]] = set()
    for place, answer in found:
        key = (place.host, answer.state if isinstance(answer, Enrolled) else str(answer))
        if key not in told:
            told.add(key)
            yield place.host, answer


def _print(host: str, answer: Enrolled | HostError) -> ExitCode:
    if isinstance(answer, HostError):
        click.echo(f"{host}  {printable(str(answer))}")
        return answer.exit_code
    why = f": {printable(answer.why)}" if answer.why else ""
    click.echo(f"{host}  {answer.state}/trust  {answer.result}{why}")
    return ExitCode.FAILED if answer.result is Enrolment.UNABLE else ExitCode.OK


def _head(content: TrustFile) -> Iterator[str]:
    yield f"serial {content.serial or 'none'}, expires {content.expires or 'never'}"
    given = {"": 1} | dict(content.thresholds)
    for package, count in given.items():
        yield f"{package or 'bundles'}: {count} of {len(content.able(NAMESPACE))} lines"
    yield f"trust files: {content.trust_threshold} of {len(content.able(TRUST_NAMESPACE))} lines"
    yield from (f"revoked key {key}" for key in sorted(content.revoked_keys))
    yield from (f"revoked bundle {digest}" for digest in sorted(content.revoked_bundles))


def _signers(content: TrustFile) -> Iterator[str]:
    for signer in content.signers:
        revoked = ", revoked" if signer.fingerprint in content.revoked_keys else ""
        names, spaces = ",".join(signer.principals), ",".join(signer.namespaces)
        yield f"{names}  {spaces}  {_key(signer)}{revoked}"


def _key(signer: Signer) -> str:
    words = [signer.key.split()[0], signer.fingerprint]
    words += [f"{name} {value}".strip() for name, value in signer.options]
    return "  ".join(words)


def _signed(found: Trust, file: Path) -> str:
    name = f"{file.name}.sig"
    signatures = rotation.signatures_of(file)
    if not signatures:
        return f"not signed: there is no {name}"
    try:
        signed = found.verify_trust_file(file.read_bytes(), signatures, name)
    except TrustError as error:
        return error.message
    return "signed by " + ", ".join(f"{s.identity} ({s.fingerprint})" for s in signed.signatures)
