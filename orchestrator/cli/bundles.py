"""``fleet bundle``: build, sign, verify, inspect, pack and unpack bundles."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestrator.bundles import build as building
from orchestrator.bundles import forms, layout, reader, signing
from orchestrator.bundles.trust import Trust
from orchestrator.cli import delta, outdated, stores
from orchestrator.cli.flags import passphrase
from orchestrator.errors import ExitCode, InputError, Problem, UsageError
from orchestrator.home import Home

FOLDER = click.Path(path_type=Path)


@click.group()
def bundle() -> None:
    """Build, sign, verify and pack bundles, and keep them in stores."""


for _command in (stores.push, stores.list_, outdated.of_sources, stores.prune, delta.delta):
    bundle.add_command(_command)


@bundle.command()
@click.argument("folder", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, help="Where the built bundle goes; default FOLDER/built.")
@click.option("--file", is_flag=True, help="Build it as one .fleet file instead of a folder.")
def build(folder: Path, out: Path | None, *, file: bool) -> int:
    """Build the bundle that FOLDER/bundle.yml describes; the same input gives the same bytes."""
    if out and out.suffix == layout.SUFFIX:
        hint = "-o names the folder that gets it; --file makes it a .fleet file in there"
        raise UsageError(f"{out}: a bundle's file is named after package and version", hint=hint)
    built = building.build(folder, out, file=file)
    revision = f" revision {built.revision}" if built.revision > 1 else ""
    click.echo(
        f"built {built.folder}: {built.package} {built.version}{revision}, {built.files} files, "
        f"{built.size} bytes, manifest {built.digest[:12]}"
    )
    return ExitCode.OK


@bundle.command()
@click.argument("folder", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, help="The file to write; default FOLDER.fleet.")
def pack(folder: Path, out: Path | None) -> int:
    """Write a built bundle's FOLDER as one .fleet file; the same bundle gives the same bytes."""
    target = out or folder.absolute().with_name(folder.absolute().name + layout.SUFFIX)
    forms.pack(folder, target)
    click.echo(f"packed {target}: {target.stat().st_size} bytes")
    return ExitCode.OK


@bundle.command()
@click.argument("file", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, help="The folder to make; default FILE without .fleet.")
@click.option("--trust", type=FOLDER, help="allowed_signers file; default: yours.")
def unpack(file: Path, out: Path | None, trust: Path | None) -> int:
    """Prove a .fleet FILE and lay it down as a built bundle's folder, whole or not at all."""
    signers = Trust.load(trust or Home.find().trust)
    found = forms.unpack(file, out, signers)
    click.echo(f"unpacked {found.folder}: {found.manifest.package} {found.manifest.release}")
    return ExitCode.OK


@bundle.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True)
@click.option("-k", "--key", type=FOLDER, required=True, help="Private key, or .pub with an agent.")
def sign(folders: tuple[Path, ...], key: Path) -> int:
    """Sign bundles, folders or files (SSHSIG, fleet-bundle); signatures of other keys stay."""
    for folder in folders:
        signature = signing.sign(folder, key, ask=passphrase)
        click.echo(f"signed {folder} with {signature.fingerprint} ({signature.algorithm})")
    return ExitCode.OK


@bundle.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True)
@click.option("--trust", type=FOLDER, help="allowed_signers file; default: yours.")
def verify(folders: tuple[Path, ...], trust: Path | None) -> int:
    """Prove signature, manifest and every byte of built bundles, folders or files."""
    signers = Trust.load(trust or Home.find().trust)
    problems: list[Problem] = []
    for folder in folders:
        try:
            found = forms.verify(folder, signers)
        except InputError as error:
            problems.extend(error.problems)
            continue
        who = ", ".join(f"{it.identity} ({it.fingerprint})" for it in found.signatures)
        click.echo(f"ok {found.manifest.release}, signed by {who}")
    if problems:
        raise InputError(*problems)
    return ExitCode.OK


@bundle.command()
@click.argument("folder", type=FOLDER)
def inspect(folder: Path) -> int:
    """Show what a built bundle claims, as JSON; nothing of it is verified."""
    click.echo(
        json.dumps(reader.claims(forms.form_of(folder).parts()), indent=2, ensure_ascii=False)
    )
    return ExitCode.OK
