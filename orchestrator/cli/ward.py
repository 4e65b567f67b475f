"""Which hosts a command is about that needs no plan: ``[PLAN] HOST...``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from orchestrator import compose
from orchestrator.cli.flags import words_of
from orchestrator.compose import BecomePassword, Site
from orchestrator.doctor.chart import Chart
from orchestrator.doctor.spelling import Spelling
from orchestrator.errors import UsageError
from orchestrator.model.fleet import Host
from orchestrator.service.options import RunOptions

SUFFIXES = (".yml", ".yaml", ".json")

words_argument = click.argument("words", metavar="[PLAN] HOST...", nargs=-1)


@dataclass(frozen=True, slots=True)
class Ward:
    """The hosts that are asked for, and how commands about them are spelled."""

    site: Site
    plan: str
    options: RunOptions

    @classmethod
    def of(cls, words: Sequence[str], options: RunOptions) -> Ward:
        """Read ``[PLAN] HOST...``; raises UsageError and InputError.

        The first word is a plan if it has a slash in it, or ends as files of plans do.
        """
        named = words and is_plan(words[0])
        plan, names = (words[0], words[1:]) if named else ("", words)
        if not plan and not names:
            raise UsageError("no host is named", hint="name a plan, or hosts with -i INVENTORY")
        if not plan and not options.inventory:
            raise UsageError("there is neither a plan nor an inventory", hint="name one with -i")
        site = compose.read_site(Path(plan), options) if plan else compose.read_fleet(options)
        return cls(_only(site, names), plan, options)

    def spell(self, host: Host) -> Spelling:
        """Return how commands about a host are spelled."""
        become = host.endpoint.become
        return Spelling(host.name, self.plan, words_of(self.options), become=become)

    async def examine(self, password: BecomePassword) -> list[Chart]:
        """Return a chart of every host."""
        ssh = compose.ssh(self.site.plan, self.options, password, os.environ)
        try:
            return await compose.doctor(self.site, ssh, self.spell).examine_all()
        finally:
            await ssh.close()


def is_plan(word: str) -> bool:
    """Return whether a word that may be a plan or a name is a plan, as far as it tells."""
    return "/" in word or word.endswith(SUFFIXES)


def _only(site: Site, names: Sequence[str]) -> Site:
    """Return a site of just the hosts that some patterns name; raises UsageError for none."""
    if not names:
        return site
    fleet = site.chosen.fleet.only(site.select(":".join(names)))
    if not fleet.hosts:
        hint = f"the plan's hosts are those of '{site.plan.hosts}' that carry a package"
        raise UsageError(f"{', '.join(names)}: no host of the plan", hint=hint)
    return replace(site, chosen=replace(site.chosen, fleet=fleet))
