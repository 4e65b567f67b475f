"""The ``fleet`` command: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import click

from orchestrator import __version__
from orchestrator.errors import ExitCode, FleetError

COMMANDS: dict[str, str] = {
    "init": "orchestrator.cli.init:init",
    "apply": "orchestrator.cli.apply:apply",
    "resume": "orchestrator.cli.apply:resume",
    "rollback": "orchestrator.cli.rollback:rollback",
    "abort": "orchestrator.cli.runs:abort",
    "status": "orchestrator.cli.runs:status",
    "history": "orchestrator.cli.runs:history",
    "why": "orchestrator.cli.runs:why",
    "denylist": "orchestrator.cli.denylist:denylist",
    "doctor": "orchestrator.cli.doctor:doctor",
    "hosts": "orchestrator.cli.hosts:hosts",
    "trust": "orchestrator.cli.trust:trust",
    "bundle": "orchestrator.cli.bundles:bundle",
    "outdated": "orchestrator.cli.outdated:outdated",
    "lock": "orchestrator.cli.lock:lock",
    "lint": "orchestrator.cli.documents:lint",
    "schema": "orchestrator.cli.documents:schema",
    "media": "orchestrator.cli.media:media",
    "lab": "orchestrator.cli.lab:lab",
}
"""Where each command lives; loaded when it is asked for, so that ``--help`` stays quick."""


class Commands(click.Group):
    """A group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the table, which is the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command called ``cmd_name``."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(_load(module), attribute)
        return command


def _load(module: str) -> ModuleType:
    """Import a module; what comes with it stays, so that collecting garbage need not look at it."""
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fleet")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def fleet() -> None:
    """OTA-grade updates for ordinary Linux fleets over plain SSH.

    Exit codes: 0 the fleet is as the plan says; 2 hosts failed, halted or rolled back; 3 waiting:
    for hosts that were deferred, or for someone's consent; 4 only unreachable hosts stand in the
    way; 5 wrong usage; 6 the plan, inventory or bundle is invalid; 99 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; prints errors, never a traceback unasked.

    The words of the command line are the root context's object.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        outcome = fleet.main(words, prog_name="fleet", standalone_mode=False, obj=tuple(words))
        return int(outcome) if isinstance(outcome, int) else ExitCode.OK
    except FleetError as error:
        if "--debug" in words:
            raise
        click.echo(f"fleet: {error}", err=True)
        return error.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("fleet: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as error:
        if "--debug" in words:
            raise
        kind = type(error).__name__
        click.echo(f"fleet: unexpected {kind}: {error}\n  hint: run it with --debug", err=True)
        return ExitCode.FAILED


def run() -> None:
    """Run the command line of this process: the entry point of ``fleet``."""
    sys.exit(main())
