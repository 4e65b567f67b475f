"""What people see of a run: which sink, and what is said before and after it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from orchestrator.compose import Home
from orchestrator.journal import Journal
from orchestrator.model.codec import to_dict
from orchestrator.model.event import Result
from orchestrator.ports import Outcome, Recorded, Sink
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.verdict import run_state

F = TypeVar("F", bound=Callable[..., Any])


def output_flags(command: F) -> F:
    """Add ``-v`` and ``--output`` to a command."""
    command = click.option("-v", "--verbose", count=True, help="Live output of hooks.")(command)
    choice = click.Choice(["auto", "text", "json"])
    return click.option("--output", type=choice, default="auto", help="json: events.")(command)


class JsonSink:
    def observe(self, recorded: Recorded, transitions: Iterable[object]) -> None:
        print(json.dumps({"seq": recorded.seq, **to_dict(recorded.event)}), flush=True)

    def output(self, host: str, line: str) -> None:
        print(host, line)

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Screen:
    output: str
    verbose: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Screen:
        return cls(given["output"], bool(given["verbose"]))

    def sink(self, rollout: Rollout, past: list[Recorded]) -> Sink:
        return JsonSink()

    def heading(self, text: str) -> None:
        click.echo(text)

    def checked(self, host: str, word: str, outcome: Outcome) -> None:
        click.echo(f"  {host}: {word} {outcome.reason} {json.dumps(outcome.facts)}")

    def difference(self, title: str, lines: list[str]) -> None:
        click.echo(title)
        for line in lines:
            click.echo(f"  {line}")

    def checked_all(self, results: Counter[Result]) -> None:
        click.echo(str(dict(results)))

    def standing(self, rollout: Rollout) -> None:
        for wave in rollout.waves:
            click.echo(f"{wave.wave.name} {wave.state} {dict(wave.counts)}")

    def close(self, rollout: Rollout, journal: Journal, home: Home, code: int) -> None:
        click.echo(f"{run_state(rollout)} exit {code}", err=True)
        for wave in rollout.waves:
            click.echo(f"{wave.wave.name} {wave.state} {wave.reason} {dict(wave.counts)}", err=True)
