"""``fleet lab``: a fleet of SSH hosts on this box, to try things on and to hurt."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.errors import ExitCode, UsageError
from orchestrator.home import Home
from orchestrator.lab.lab import Lab
from orchestrator.lab.machine.tree import install_needs, obtain_tree
from orchestrator.lab.openssh import install_sshd
from orchestrator.lab.spec import LabKind
from orchestrator.schema import units

KIND = click.option(
    "--kind",
    type=click.Choice([kind.value for kind in LabKind]),
    help="sshd: OpenSSH on loopback; embedded: without OpenSSH; machine: Debian systems (root).",
)
NAMES = click.argument("names", metavar="HOST...", nargs=-1, required=True)


@click.group()
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Where the lab lives.")
@click.pass_context
def lab(ctx: click.Context, directory: Path | None) -> None:
    """Run lab hosts on this box, and cut, freeze, slow, fill, reboot or kill them."""
    ctx.obj = (directory or Home.find().lab).absolute()


@lab.command()
@click.option("--hosts", type=click.IntRange(1, 300), help="How many; default 12, or 3 machines.")
@KIND
@click.pass_obj
def up(directory: Path, hosts: int | None, kind: str | None) -> int:
    """Start the lab, or what is missing of it; writes an inventory, keys and known_hosts."""
    running = Lab.up(directory, hosts, kind=LabKind(kind) if kind else None)
    click.echo(f"{len(running.hosts)} hosts are up ({running.kind})")
    click.echo(f"inventory: {running.paths.inventory}")
    return ExitCode.OK


@lab.command()
@click.pass_obj
def status(directory: Path) -> int:
    """Say how each host does."""
    for found in Lab.open(directory).status():
        host = found.host
        click.echo(f"{host.name}  {host.address}:{host.port}  {found.condition}")
    return ExitCode.OK


@lab.command()
@click.option("--keep", is_flag=True, help="Keep the folder.")
@click.pass_obj
def down(directory: Path, *, keep: bool) -> int:
    """End every host, with all that runs on it."""
    Lab.open(directory).down(keep=keep)
    return ExitCode.OK


@lab.command()
@NAMES
@click.pass_obj
def cut(directory: Path, names: tuple[str, ...]) -> int:
    """Cut the network of hosts: connections die, new ones are refused; what runs there goes on."""
    Lab.open(directory).cut(*names)
    return ExitCode.OK


@lab.command()
@NAMES
@click.pass_obj
def restore(directory: Path, names: tuple[str, ...]) -> int:
    """Undo cut, freeze, slow, fill and kill."""
    Lab.open(directory).restore(*names)
    return ExitCode.OK


@lab.command()
@NAMES
@click.pass_obj
def kill(directory: Path, names: tuple[str, ...]) -> int:
    """Cut the power of hosts: everything on them dies, the disk stays."""
    Lab.open(directory).kill(*names)
    return ExitCode.OK


@lab.command()
@NAMES
@click.pass_obj
def powercut(directory: Path, names: tuple[str, ...]) -> int:
    """Cut the power of hosts, and give it back: machines boot, from what was on their disks."""
    Lab.open(directory).powercut(*names)
    return ExitCode.OK


@lab.command()
@NAMES
@click.pass_obj
def reboot(directory: Path, names: tuple[str, ...]) -> int:
    """Reboot hosts: machines shut down in good order; other hosts only know power cuts."""
    Lab.open(directory).reboot(*names)
    return ExitCode.OK


@lab.command()
@NAMES
@click.option("--leave", default="0", show_default=True, help="Room to leave, such as 100KiB.")
@click.pass_obj
def fill(directory: Path, names: tuple[str, ...], leave: str) -> int:
    """Fill up the disks of machines, until they are restored."""
    Lab.open(directory).fill(*names, leave=_size("--leave", leave))
    return ExitCode.OK


@lab.command()
@NAMES
@click.option("--all-processes", is_flag=True, help="Freeze services too, not just sshd.")
@click.pass_obj
def freeze(directory: Path, names: tuple[str, ...], *, all_processes: bool) -> int:
    """Freeze hosts: connections hang."""
    Lab.open(directory).freeze(*names, everything=all_processes)
    return ExitCode.OK


@lab.command()
@NAMES
@click.option("--latency", default="0s", show_default=True, help="Added to each direction.")
@click.option("--rate", help="Bytes per second, such as 64KiB/s.")
@click.pass_obj
def slow(directory: Path, names: tuple[str, ...], latency: str, rate: str | None) -> int:
    """Put a slow line in front of hosts."""
    delay, limit = _latency(latency), _rate(rate)
    Lab.open(directory).slow(*names, latency=delay, rate=limit)
    return ExitCode.OK


@lab.command()
@KIND
def setup(kind: str | None) -> int:
    """Install what a kind of lab needs, where it is missing (needs root and apt)."""
    if kind == LabKind.MACHINE:
        install_needs()
        click.echo(f"tree of machines: {obtain_tree()}")
    else:
        click.echo(f"sshd: {install_sshd()}")
    return ExitCode.OK


def _latency(text: str) -> float:
    found = units.seconds(text)
    if found is None:
        raise UsageError(f"--latency: '{text}' is not a time", hint="write 200ms")
    return found


def _rate(text: str | None) -> int | None:
    if text is None:
        return None
    return _size("--rate", text.removesuffix("/s"))


def _size(option: str, text: str) -> int:
    found = units.size(text)
    if found is None:
        raise UsageError(f"{option}: '{text}' is not a number of bytes", hint="write 64KiB")
    return found
