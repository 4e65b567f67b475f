"""Trigger: a script of the bundle says that the application is not well."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import join
from typing import ClassVar

from orchestrator.checks.base import SAY, assign
from orchestrator.ports import Watch
from orchestrator.schema import BundlePath, Duration, ListOf, Text, Whole, option
from orchestrator.triggers.base import Trigger, interval


@dataclass(frozen=True)
class AppValidation(Trigger):
    """A script from the bundle: exit 0 yes, 1 no, 21 not yet, anything else unknown."""

    short: ClassVar[str] = "script"

    script: str = option(
        BundlePath(),
        "Path inside the bundle; it runs with the release as its folder.",
        example="bin/healthy",
    )
    args: tuple[str, ...] = option(
        ListOf(Text("an argument", r"[\s\S]*")), "Arguments of the script.", default=()
    )
    timeout: float = option(
        Duration(minimum=1.0), "A script that takes longer is ended, and has said no.", default=60.0
    )
    retries: int = option(
        Whole(0, 1000), "How often it is asked again after a no, before that counts.", default=2
    )
    interval: float = interval(30.0)

    def watches(self) -> tuple[Watch, ...]:
        """Return the one question."""
        text = f"""{SAY}{assign(path=self.script)}
[ -f "./$path" ] || say 2 "the release has no $path"
[ -x "./$path" ] || say 2 "$path is not executable"
exec "./$path" {join(self.args)}
"""
        return (Watch(text, self.interval, self.timeout, self.retries + 1),)
