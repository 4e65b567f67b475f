"""Runs with something to tell, played on the real core in a modelled world."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from orchestrator.model.event import (
    Action,
    ActionBegun,
    ActionEnded,
    ControllerStarted,
    Event,
    OperatorAsked,
    Result,
    RunStarted,
    Target,
    TimePassed,
)
from orchestrator.model.plan import Amount, FailureBudget, UnreachableBudget
from orchestrator.model.wave import RolloutSpec, Wave
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import Perform, Transition, WakeAt
from orchestrator.rollout.rules import Rules

START = 1_769_832_000.0  # 2026-01-31T04:00:00Z

Ending = tuple[Result, str, str]
Endings = dict[tuple[str, Action], Ending]

CHECK_FACTS: dict[str, object] = {"packages": {"gateway": {}}, "changes": 1}


def names(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"h{n:03}" for n in range(first, last + 1))


def started(*waves: Wave, **policy: object) -> RunStarted:
    spec = RolloutSpec(waves, resample=0, **policy)  # type: ignore[arg-type]
    target = Target("gateway", "2.4.0", "2.4.0-0123456789ab", "0123456789ab" * 5 + "0123")
    return RunStarted(
        START, "run-1", "gateway-2.4", "plan.yml", "ab" * 32, "op@ops", "nonce", spec, (target,)
    )


def play(
    first: RunStarted,
    endings: Endings | None = None,
    asked: dict[int, OperatorAsked] | None = None,
    step: float = 2.0,
) -> Iterator[tuple[int, Event, Rollout, tuple[Transition, ...]]]:
    """Yield each event after the first, with its number, the rollout, and what it caused.

    Actions are done in the order asked, one by one, ``step`` seconds each; they end as ``endings``
    say, else well. ``asked`` are requests put in as events of these numbers.
    """
    rollout, now, seq = Rollout(first), first.at, 1
    todo: deque[Perform] = deque()
    wakes: list[float] = []
    feed: list[Event] = [ControllerStarted(now, "ops:4711", Rules.LATEST)]
    while True:
        while feed:
            seq += 1
            if asked and seq in asked:
                feed.insert(0, replace(asked[seq], at=now))
            event = feed.pop(0)
            reaction = rollout.handle(event)
            todo += [i for i in reaction.instructions if isinstance(i, Perform)]
            wakes += [i.at for i in reaction.instructions if isinstance(i, WakeAt)]
            yield seq, event, rollout, reaction.transitions
        if todo:
            it = todo.popleft()
            begun = ActionBegun(now, it.host, it.action, it.attempt)
            now += step
            feed = [begun, _ended(now, it, endings or {})]
        elif wakes:
            now = max(now, wakes.pop(0))
            feed = [TimePassed(now)]
        else:
            return


def _ended(now: float, it: Perform, endings: Endings) -> ActionEnded:
    good: Ending = (Result.DONE, "", "")
    result, reason, output = endings.get((it.host, it.action), good)
    facts: dict[str, object] = {}
    if it.action is Action.CHECK:
        facts = CHECK_FACTS
    elif it.action is Action.STAGE:
        facts = {"sent": 1_500_000}
    return ActionEnded(now, it.host, it.action, result, it.attempt, reason, output, facts)


def played(
    first: RunStarted, endings: Endings | None = None, asked: dict[int, OperatorAsked] | None = None
) -> tuple[Rollout, list[Event]]:
    """Return the rollout at its end, and all its events."""
    events: list[Event] = [first, *(event for _, event, _, _ in play(first, endings, asked))]
    return Rollout.fold(events), events


BAD: Ending = (
    Result.FAILED,
    "gateway: validation http: 503",
    "GET /health\n503 Service Unavailable\n",
)


def bad_release() -> tuple[RunStarted, Endings]:
    """Canary of 3 passes; in the next wave of 8 four hosts fail alike, and one is unreachable."""
    waves = (
        Wave("canary", "canary", names(1, 3), bake=60),
        Wave("rest", "rest", names(4, 11)),
    )
    first = started(
        *waves,
        max_parallel=4,
        max_failures=FailureBudget(Amount(2)),
        max_unreachable=UnreachableBudget(Amount(1)),
    )
    endings: Endings = {(name, Action.VALIDATE): BAD for name in names(6, 9)}
    endings["h004", Action.CHECK] = (Result.ALREADY, "there, and proved", "")
    endings["h005", Action.CHECK] = (Result.UNREACHABLE, "h005: connection refused", "")
    return first, endings
