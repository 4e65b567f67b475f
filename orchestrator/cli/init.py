"""``fleet init``: a plan, an inventory, a bundle's source and a signing key to begin with."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import click

from orchestrator import compose
from orchestrator.bundles.rules import package_flaw
from orchestrator.bundles.sshsig import NAMESPACE, TRUST_NAMESPACE
from orchestrator.engines.ssh import keypair
from orchestrator.errors import ExitCode, FleetError, UsageError
from orchestrator.home import Home
from orchestrator.planfile import json_schema
from orchestrator.yamldoc import parse, plain

TEMPLATES: Mapping[str, str] = {
    "plan.yml": "plan.yml",
    "inventory.yml": "inventory.yml",
    "keys/.gitignore": "keys/gitignore",
    "@NAME@/bundle.yml": "package/bundle.yml",
    "@NAME@/content/bin/hello": "package/content/bin/hello",
    "@NAME@/content/bin/validate": "package/content/bin/validate",
}
"""What is made, and from which file of ``scaffold/``; what lies in a ``bin`` can be run."""

SCHEMA = "plan.schema.json"
TRUST = "allowed_signers"
KEY = "keys/signing"

_PLAIN = re.compile(r"[\w~./+@-]+")


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
@click.option("--name", help="Of the plan and its package; default: the folder's.")
def init(folder: Path, name: str | None) -> int:
    """Make a plan, an inventory, a bundle's source and a signing key in DIR, ready for the lab."""
    name = name or folder.absolute().name
    if flaw := package_flaw(name) or _flaw_in_yaml(name):
        raise UsageError(f"'{name}' is {flaw}", hint="name it: fleet init --name NAME")
    files = _files(name)
    _refuse_to_replace(folder, [*files, KEY, f"{KEY}.pub", TRUST])
    for path, text in files.items():
        _create(folder / path, text, runs=Path(path).parent.name == "bin")
    public = keypair.write_new(folder / KEY, f"release@{name}")
    _create(folder / TRUST, _trust(name, public))
    _say_next(folder, name)
    return ExitCode.OK


def _flaw_in_yaml(name: str) -> str:
    return "" if isinstance(plain(parse(name, name)), str) else "not text to YAML"


def _files(name: str) -> dict[str, str]:
    """Return the text of every file by its path; keys and trust are made later."""
    source = resources.files("orchestrator.cli") / "scaffold"
    known = {"@NAME@": name, "@LAB@": _lab_inventory(Home.find())}
    texts = {
        _filled(path, known): _filled((source / template).read_text("utf-8"), known)
        for path, template in TEMPLATES.items()
    }
    schema = json.dumps(json_schema(compose.KINDS), indent=2, ensure_ascii=False)
    return {**texts, SCHEMA: f"{schema}\n"}


def _filled(text: str, known: Mapping[str, str]) -> str:
    for mark, value in known.items():
        text = text.replace(mark, value)
    return text


def _lab_inventory(home: Home) -> str:
    """Return where the lab writes its inventory, as YAML, and as short as people write it."""
    path = home.lab / "inventory.yml"
    own = Path.home()
    text = f"~/{path.relative_to(own)}" if path.is_relative_to(own) else str(path)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _refuse_to_replace(folder: Path, paths: list[str]) -> None:
    there = [path for path in paths if os.path.lexists(folder / path)]
    if there:
        raise UsageError(
            f"{folder} has {', '.join(sorted(there))} already; nothing was written",
            hint="choose an empty folder: fleet init DIR",
        )


def _create(path: Path, text: str, *, runs: bool = False) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        path.chmod(0o755 if runs else 0o644)
    except OSError as error:
        raise FleetError(f"cannot write {path}: {error.strerror}") from None


def _trust(name: str, public: str) -> str:
    return (
        "# Whose signatures count: principal, namespaces, public key (docs/trust.md).\n"
        "#fleet serial 1\n"
        f'release@{name} namespaces="{NAMESPACE},{TRUST_NAMESPACE}" {public}\n'
    )


def _say_next(folder: Path, name: str) -> None:
    click.echo(f"made plan.yml, inventory.yml, {name}/ and {KEY} in {folder}; next:\n")
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {shlex.quote(str(folder))}")
    for command in (
        "fleet lab up",
        f"fleet bundle build {name} -o bundles",
        f"fleet bundle sign bundles/{name}-1.0.0 -k {KEY}",
        "fleet apply plan.yml --check --diff",
        "fleet apply plan.yml",
    ):
        click.echo(f"  {command}")
