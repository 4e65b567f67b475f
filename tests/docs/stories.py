"""Runs of two waves, a1 and a2 and then b1 and b2, told in the words of ``docs/semantics.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.model.event import Action, Request, Result
from orchestrator.model.plan import (
    Amount,
    CommitScope,
    FailureBudget,
    OnHalt,
    UnreachableBudget,
    UnreachablePolicy,
)
from orchestrator.model.wave import RolloutSpec, Wave
from orchestrator.rollout.states import HostState
from orchestrator.rollout.verdict import exit_code, run_state
from tests.docs.tables import Row
from tests.rollout.harness import World, good

WAVES = {"first wave": ("a1", "a2"), "second wave": ("b1", "b2")}
HOSTS = [host for hosts in WAVES.values() for host in hosts]

ACTIONS = {
    "check": Action.CHECK,
    "activation": Action.ACTIVATE,
    "validation": Action.VALIDATE,
    "reversion": Action.REVERT,
    "commit": Action.COMMIT,
    "sample": Action.SAMPLE,
}
FOUND = {"on trial": Result.IS_TRIAL, "silent": Result.UNREACHABLE}

_ENDS = {
    r"(\w+) fails its (\w+)": Result.FAILED,
    r"(\w+) is lost in its (\w+)": Result.LOST,
    r"(\w+) is stranded in its (\w+)": Result.STRANDED,
    r"(\w+) cannot be measured in its (\w+)": Result.INCONCLUSIVE,
}
_ASKED = re.compile(r"(\w+) (?:at the end|while (\w+) is (\w+))")

Answers = dict[tuple[str, Action], Result]


def amount(text: str) -> Amount:
    """Return ``10%`` or ``3`` as an amount."""
    return Amount(float(text.removesuffix("%")), percent=text.endswith("%"))


def spec(row: Mapping[str, str], bake: float = 0.0, **policy: Any) -> RolloutSpec:
    """Return the two waves with the policies that columns of a row name."""
    silent = UnreachableBudget(
        amount(row.get("max_unreachable", "0")), then=UnreachablePolicy(row.get("then", "fail"))
    )
    return RolloutSpec(
        tuple(Wave(name, name, hosts, bake) for name, hosts in WAVES.items()),
        on_halt=OnHalt(row.get("on_halt", "rollback-wave")),
        commit=CommitScope(row.get("commit", "wave")),
        max_parallel=int(row.get("max_parallel", "50")),
        max_failures=FailureBudget(),
        max_unreachable=silent,
        **policy,
    )


def told(row: Row) -> World:
    """Play what happens, clause by clause, and return the world at its end."""
    answers: Answers = {}
    asked = []
    for clause in row["what happens"].split("; "):
        if request := _ASKED.fullmatch(clause):
            asked.append(request.groups())
        else:
            answers |= dict(_answers(clause))
    world = World(spec(row), lambda it: answers.get((it.host, it.action), good(it)))
    for what, host, state in asked:
        if host:
            until(world, host, HostState(state))
        else:
            world.settle()
        world.ask(Request(what))
    world.settle()
    return world


def _answers(clause: str) -> Iterator[tuple[tuple[str, Action], Result]]:
    for pattern, result in _ENDS.items():
        if found := re.fullmatch(pattern, clause):
            yield (found[1], ACTIONS[found[2]]), result
            return
    if found := re.fullmatch(r"(\w+) is unreachable", clause):
        yield (found[1], Action.CHECK), Result.UNREACHABLE
    elif found := re.fullmatch(r"(\w+) is found (.+)", clause):
        yield (found[1], Action.RESOLVE), FOUND[found[2]]
    else:
        raise ValueError(f"nobody knows how this is played: {clause}")


def until(world: World, host: str, state: HostState) -> None:
    """Go on, an instruction at a time, until a host is in a state."""
    while world.states()[host] is not state:
        world.do(world.todo[0])


def outcome(world: World, row: Row) -> Row:
    """Return the columns of a row that say how it ends, as the world has them."""
    states = {host: str(state) for host, state in world.states().items()}
    waves = {record.wave.name: str(record.state) for record in world.rollout.waves}
    run = {"run": str(run_state(world.rollout)), "exit": str(int(exit_code(world.rollout)))}
    known = {**states, **waves, **run}
    return {column: known[column] for column in row if column in known}
