"""``fleet hosts restore --factory``: a run that takes hosts back to their golden release."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.cli.apply import begin, refuse_denied
from orchestrator.cli.consent import at_terminal
from orchestrator.cli.flags import become_password, options_of
from orchestrator.cli.screen import Screen
from orchestrator.compose import BecomePassword, Site
from orchestrator.errors import NotAgreed
from orchestrator.home import Home
from orchestrator.service import golden
from orchestrator.service.options import RunOptions
from orchestrator.service.preflight import Looks, look_over


def restore_golden(path: Path, given: Mapping[str, Any], *, yes: bool) -> int:
    """Go back by a run of its own: its waves, trial and validations are those of the plan."""
    screen = Screen.of({"output": "json" if given["as_json"] else "auto", "verbose": 0})
    options, home = options_of(dict(given)), Home.find()
    versions = golden.golden(compose.read_plan(path, options), given["packages"])
    options = replace(options, factory=versions)
    site = compose.read_site(path, options)
    ready = compose.make_ready(site, home, options)
    try:
        with home.open_journal() as journal:
            refuse_denied(journal, ready)
            password = become_password(ask=given["ask_become_pass"])
            looks = asyncio.run(_look(site, options, password))
            _agree(Counter(golden.moves(looks, versions)), asking=not yes, screen=screen)
            return begin(journal, home, ready, options, password, screen)
    finally:
        ready.close()


async def _look(site: Site, options: RunOptions, password: BecomePassword) -> Looks:
    ssh = compose.connector(site.plan, options, password, os.environ)
    try:
        return await look_over(site.plan, site.chosen, ssh)
    finally:
        await ssh.close()


def _agree(moves: Counter[str], *, asking: bool, screen: Screen) -> None:
    """Raise NotAgreed unless the operator says yes, by the flag or at a terminal."""
    told = [f"{move} on {hosts} hosts" for move, hosts in moves.items()]
    if not (told and asking):
        return
    if screen.json or not at_terminal():
        raise NotAgreed("; ".join(told), hint="nothing was changed; to agree, add --yes")
    click.confirm("\n".join([*told, "Go back?"]), abort=True, err=True)
