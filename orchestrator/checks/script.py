"""Check: a script from the bundle succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import join
from typing import ClassVar

from orchestrator.checks.base import JUDGE, SAY, Check, assign, timeout
from orchestrator.schema import BundlePath, ListOf, Text, option


@dataclass(frozen=True)
class Script(Check):
    """A script from the bundle, run with the release as its folder; exits as a command's do."""

    short: ClassVar[str] = "run"

    run: str = option(
        BundlePath(),
        "Path inside the bundle.",
        example="bin/validate",
    )
    args: tuple[str, ...] = option(
        ListOf(Text("an argument", r"[\s\S]*")), "Arguments of the script.", default=()
    )
    timeout: float = timeout(60.0)

    def script(self) -> str:
        """Return the sh text."""
        return f"""{SAY}{assign(path=self.run)}
[ -f "./$path" ] || say 2 "the release has no $path"
[ -x "./$path" ] || say 2 "$path is not executable"
"./$path" {join(self.args)}
{JUDGE}"""
