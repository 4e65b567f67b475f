"""Flags that fingers know from Ansible, shared by the commands that reach hosts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from orchestrator.errors import InputError, UsageError
from orchestrator.model.fleet import Host
from orchestrator.planning import empty_cohorts
from orchestrator.service.options import RunOptions
from orchestrator.service.prepare import Prepared
from orchestrator.yamldoc import parse, plain

F = TypeVar("F", bound=Callable[..., Any])

_EXTRA_VARS = click.option(
    "-e", "--extra-vars", multiple=True, help="key=value, YAML or JSON text, or @file."
)
_TRUST = click.option("--trust", type=click.Path(), help="allowed_signers file to use instead.")

_CONNECTION = (
    click.option("-i", "--inventory", multiple=True, help="Inventory file, folder or host list."),
    click.option(
        "-l", "--limit", "--hosts", "limit", help="Only these hosts of the plan (a pattern, @file)."
    ),
    _EXTRA_VARS,
    click.option("-f", "--forks", type=click.IntRange(1), help="Replaces rollout.max_parallel."),
    click.option("-u", "--user", help="Log in as this user where the inventory names none."),
    click.option("--private-key", type=click.Path(), help="Key to log in with."),
    click.option("-b", "--become", is_flag=True, help="Raise privileges on the hosts."),
    click.option("--become-method", type=click.Choice(["sudo", "doas", "su"]), default="sudo"),
    click.option("--become-user", default="root", show_default=True),
    click.option("--accept-new", is_flag=True, help="Trust host keys that are not known yet."),
    _TRUST,
)

ask_become = click.option("-K", "--ask-become-pass", is_flag=True, help="Ask for the password.")


def connection_flags(command: F) -> F:
    """Add the flags that make RunOptions to a command."""
    for option in reversed(_CONNECTION):
        command = option(command)
    return command


def plan_flags(command: F) -> F:
    """Add the flags that shape a plan to a command that reaches no host."""
    return _EXTRA_VARS(_TRUST(command))


def plan_options(given: dict[str, Any]) -> RunOptions:
    """Return the RunOptions of a command that reaches no host; raises UsageError, InputError."""
    return RunOptions(extra_vars=_extra_vars(given["extra_vars"]), trust=_trust(given["trust"]))


def options_of(given: dict[str, Any]) -> RunOptions:
    """Return the RunOptions in a command's arguments; raises UsageError, InputError."""
    return RunOptions(
        inventory=tuple(_absolute(item) for item in given["inventory"]),
        limit=given["limit"],
        extra_vars=_extra_vars(given["extra_vars"]),
        forks=given["forks"],
        user=given["user"],
        private_key=given["private_key"],
        become=given["become"],
        become_method=given["become_method"],
        become_user=given["become_user"],
        accept_new=given["accept_new"],
        trust=_trust(given["trust"]),
    )


def words_of(options: RunOptions) -> tuple[str, ...]:
    """Return the flags that make these options, for a command that is shown to people."""
    words = [word for source in options.inventory for word in ("-i", source)]
    for flag, value in (("-u", options.user), ("--private-key", options.private_key)):
        words += [flag, value] if value else []
    if options.become:
        words += ["-b", "--become-method", options.become_method]
        words += ["--become-user", options.become_user]
    words += ["--trust", options.trust] if options.trust else []
    words += ["-e", json.dumps(options.extra_vars)] if options.extra_vars else []
    return (*words, *(["--accept-new"] if options.accept_new else []))


def become_password(*, ask: bool) -> Callable[[Host], str | None]:
    """Return where escalation passwords come from: the prompt, else the host's variables."""
    typed = click.prompt("BECOME password", hide_input=True, err=True) if ask else None

    def password(host: Host) -> str | None:
        for name in ("ansible_become_password", "ansible_become_pass"):
            if name in host.variables:
                return str(host.variables[name])
        return typed

    return password


def warn(prepared: Prepared) -> None:
    """Tell, on standard error, what is allowed but hardly meant."""
    for name in empty_cohorts(prepared.plan, prepared.waves):
        click.echo(f"fleet: warning: cohort '{name}' takes no host of the plan", err=True)


def _trust(given: str | None) -> str | None:
    return str(Path(given).absolute()) if given else None


def _absolute(source: str) -> str:
    return source if "," in source else str(Path(source).expanduser().absolute())


def _extra_vars(given: tuple[str, ...]) -> dict[str, object]:
    merged: dict[str, object] = {}
    for item in given:
        merged |= _one_extra(item)
    return merged


def _one_extra(item: str) -> dict[str, object]:
    if item.startswith("@"):
        return _document(_read(item[1:]), item[1:])
    if item.lstrip().startswith(("{", "[")) or ": " in item:
        return _document(item, "--extra-vars")
    pairs = [word.partition("=") for word in item.split()]
    if not pairs or any(not name or not equals for name, equals, _ in pairs):
        raise UsageError(f"--extra-vars '{item}' is not key=value", hint="write -e version=2.4.1")
    return {name: value for name, _, value in pairs}


def _document(text: str, name: str) -> dict[str, object]:
    value = plain(parse(text, name))
    if not isinstance(value, dict):
        raise InputError.at(name, "extra variables are a mapping", "write key: value")
    return value


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"--extra-vars: cannot read '{path}': {reason}") from None


def passphrase(prompt: str) -> str:
    """Ask for the passphrase of a key file."""
    return str(click.prompt(prompt.removesuffix(": "), hide_input=True, err=True))
