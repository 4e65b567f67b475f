"""What only shows when the parts of a plan are held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from orchestrator.errors import PlanError, Position, Problem
from orchestrator.model.plan import (
    Cohort,
    CommitScope,
    Edge,
    EdgeKind,
    Package,
    RolloutPolicy,
    Step,
    Timeouts,
)
from orchestrator.planfile.shapes import Document
from orchestrator.planning import step_order
from orchestrator.registry import near_miss
from orchestrator.schema.units import spell_seconds


def crosscheck(document: Document) -> Iterator[Problem]:
    """Yield every contradiction; values that were already wrong are blank, and passed over."""
    names = [package.name for package in document.packages]
    for index, edge in enumerate(document.order):
        yield from _edge(edge, f"order[{index}]", names)
    for package in document.packages:
        path = f"packages.{package.name}"
        yield from _steps(package, f"{path}.steps")
        yield from _trial(package, f"{path}.trial", document.rollout.timeouts)
        yield from _ceiling(package, f"{path}.trial", document.rollout)
    yield from _cohorts(document.rollout.cohorts)


def _edge(edge: Edge, path: str, packages: list[str]) -> Iterator[Problem]:
    if edge.before == edge.after:
        yield Problem(edge.position, path, f"'{edge.before}' cannot wait for itself", "remove it")
    elif edge.kind is EdgeKind.PACKAGES and packages:
        for name in (edge.before, edge.after):
            if name not in packages:
                mend = near_miss(name, packages) or f"packages are: {', '.join(packages)}"
                yield Problem(edge.position, path, f"no such package: '{name}'", mend)


def _steps(package: Package, path: str) -> Iterator[Problem]:
    named = ((step.name, step.position) for step in package.steps)
    wrong = [*_unique(named, path, "step"), *_waits(package.steps, path)]
    yield from wrong or _circles(package)


def _waits(steps: tuple[Step, ...], path: str) -> Iterator[Problem]:
    names = [step.name for step in steps]
    for index, step in enumerate(steps):
        for name in step.after:
            here = f"{path}[{index}].after"
            if name == step.name:
                yield Problem(step.position, here, "a step cannot wait for itself", "remove it")
            elif name and name not in names:
                what = f"no such step: '{name}'"
                yield Problem(step.position, here, what, near_miss(name, names))


def _circles(package: Package) -> Iterator[Problem]:
    known = (step for step in package.steps if step.name)
    steps = tuple(replace(step, after=tuple(filter(None, step.after))) for step in known)
    try:
        step_order(replace(package, steps=steps))
    except PlanError as error:
        yield from error.problems


def _trial(package: Package, path: str, timeouts: Timeouts) -> Iterator[Problem]:
    needed = timeouts.validate + timeouts.confirm
    if 0 < package.trial.deadline < needed:
        least = spell_seconds(needed)
        what = (
            f"a trial of {spell_seconds(package.trial.deadline)} is shorter than the timeouts "
            f"validate and confirm together ({least}): a host could go back while it is proved"
        )
        mend = f"give at least {least}, or lower rollout.timeouts"
        yield Problem(package.position, path, what, mend)


def _ceiling(package: Package, path: str, rollout: RolloutPolicy) -> Iterator[Problem]:
    """Object to a trial that cannot outlast the bakes before its commit."""
    bakes = [cohort.bake for cohort in rollout.cohorts]
    longest = {CommitScope.HOST: 0.0, CommitScope.WAVE: max(bakes, default=0.0)}
    needed = longest.get(rollout.commit, sum(bakes))
    if 0 < package.trial.ceiling <= needed:
        what = (
            f"a ceiling of {spell_seconds(package.trial.ceiling)} is not above the "
            f"{spell_seconds(needed)} that hosts bake before they are committed: they would go back"
        )
        mend = "give a higher trial.ceiling, or commit: host"
        yield Problem(package.position, path, what, mend)


def _cohorts(cohorts: tuple[Cohort, ...]) -> Iterator[Problem]:
    path = "rollout.cohorts"
    yield from _unique(((cohort.name, cohort.position) for cohort in cohorts), path, "cohort")
    for index, cohort in enumerate(cohorts[:-1]):
        if cohort.hosts is None and cohort.share is None:
            what = f"cohort '{cohort.name}' takes all the rest, and leaves nothing to later ones"
            mend = "move it to the end, or give it hosts, a share or a count"
            yield Problem(cohort.position, f"{path}[{index}]", what, mend)


def _unique(named: Iterable[tuple[str, Position]], path: str, noun: str) -> Iterator[Problem]:
    seen: dict[str, Position] = {}
    for index, (name, position) in enumerate(named):
        if name and name in seen:
            what = f"a second {noun} named '{name}', the first is at line {seen[name].line}"
            yield Problem(position, f"{path}[{index}]", what, "give it another name")
        seen.setdefault(name, position)
