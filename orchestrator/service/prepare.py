"""From a plan, an inventory and trusted bundles to a run: who gets what, in which waves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from orchestrator.errors import PlanError, Position, Problem, UsageError
from orchestrator.gates import longest_wait
from orchestrator.host.rendering import Variables
from orchestrator.host.work import Assignment, HostPolicy, PackageWork
from orchestrator.model.counting import share_of
from orchestrator.model.event import Target
from orchestrator.model.fleet import Fleet, Host
from orchestrator.model.lock import Lock
from orchestrator.model.plan import CommitScope, Plan, Use
from orchestrator.model.trial import RebootWhen
from orchestrator.model.wave import RolloutSpec, Wave
from orchestrator.planning.policy import Given
from orchestrator.planning.sequence import package_order, step_order
from orchestrator.planning.waves import plan_waves
from orchestrator.schema import thaw

Select = Callable[[str], Sequence[str]]
"""Hosts of the inventory that a pattern selects; raises InputError."""


LOCK_MARGIN = 3600.0
"""Seconds that a host's lock outlives the longest waits that the plan foresees."""


@dataclass(frozen=True)
class Selected:
    """The plan's fleet (after any limit) and which of its hosts carry each package."""

    fleet: Fleet
    carriers: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Prepared:
    """A plan made ready: packages in the order in which a host moves them, and the waves."""

    plan: Plan
    selected: Selected
    works: tuple[PackageWork, ...]
    waves: tuple[Wave, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return what the run is to put on the fleet."""
        return tuple(
            Target(work.name, work.manifest.version, work.release, work.manifest.digest)
            for work in self.works
        )

    @property
    def spec(self) -> RolloutSpec:
        """Return what the core works from."""
        rollout = self.plan.rollout
        moving = sum(len(wave.hosts) for wave in self.waves)
        return RolloutSpec(
            waves=self.waves,
            max_parallel=rollout.max_parallel,
            max_unavailable=rollout.max_unavailable,
            max_failures=rollout.max_failures,
            max_unreachable=rollout.max_unreachable,
            on_halt=rollout.on_halt,
            commit=rollout.commit,
            resample=share_of(rollout.resample, moving) if rollout.resample.value else 0,
            silent=rollout.timeouts.silent,
            zones=_zones(self),
            renewal=_renewal(self.plan),
            reserves=bool(gated := self._gated),
            gated=gated,
        )

    @property
    def policy(self) -> HostPolicy:
        """Return how long and how often hosts are tried."""
        rollout = self.plan.rollout
        bakes = max((cohort.bake for cohort in rollout.cohorts), default=0.0)
        waits = max(map(longest_wait, filter(None, map(_gate, self.works))), default=0.0)
        return HostPolicy(
            rollout.timeouts,
            rollout.retries,
            lock_ttl=bakes + waits + LOCK_MARGIN,
            holds=rollout.commit is not CommitScope.HOST,
        )

    def assignment(self, host: str) -> Assignment:
        """Return what one host of the run is to get; raises KeyError for any other host."""
        known = laid_over(self._own, self.selected.fleet[host])
        works = tuple(work for work in self.works if host in self.selected.carriers[work.name])
        return Assignment(known, works, self._wave_of[host])

    def agreed(self, given: Given) -> Prepared:
        """Return the same with what the operator agreed to, for versions that fleet chose."""
        works = (
            work if work.agreed is None else replace(work, agreed=given) for work in self.works
        )
        return replace(self, works=tuple(works))

    @property
    def _gated(self) -> tuple[str, ...]:
        """Return the hosts that pass a gate before they are activated."""
        gated = [self.selected.carriers[work.name] for work in self.works if _gate(work)]
        return tuple(sorted(frozenset().union(*gated)))

    @cached_property
    def _own(self) -> Mapping[str, object]:
        return plan_variables(self.plan)

    @cached_property
    def _wave_of(self) -> Mapping[str, str]:
        return {host: wave.name for wave in self.waves for host in wave.hosts}


def selected(plan: Plan, fleet: Fleet, select: Select, within: frozenset[str] | None) -> Selected:
    """Choose the plan's hosts, and those that carry each package; ``within`` is the limit.

    Raises InputError for patterns that match nothing, PlanError for packages that no host
    carries, UsageError when nothing is left.
    """
    chosen = frozenset(select(plan.hosts))
    carried = {package.name: chosen & frozenset(select(package.on)) for package in plan.packages}
    idle = [package for package in plan.packages if not carried[package.name]]
    if idle:
        what = f"no host of '{plan.hosts}' is in it"
        raise PlanError(
            *(
                Problem(p.position, f"packages.{p.name}.on", what, "mend one of the patterns")
                for p in idle
            )
        )
    allowed = chosen if within is None else chosen & within
    carriers = {name: hosts & allowed for name, hosts in carried.items()}
    moving = frozenset().union(*carriers.values())
    if not moving:
        raise UsageError("the limit leaves no host that carries a package of the plan")
    return Selected(fleet.only(moving), carriers)


def prepare(
    plan: Plan, chosen: Selected, select: Select, works: Mapping[str, PackageWork]
) -> Prepared:
    """Order the packages and their steps, and compute the waves; raises PlanError."""
    within = frozenset(chosen.fleet.by_name)
    order = tuple(
        replace(works[package.name], package=replace(package, steps=step_order(package)))
        for package in package_order(plan)
    )

    def moving(pattern: str) -> Sequence[str]:
        return [name for name in select(pattern) if name in within]

    return Prepared(plan, chosen, order, plan_waves(plan, chosen.fleet, moving, chosen.carriers))


def plan_variables(plan: Plan) -> Mapping[str, object]:
    """Return the plan's own variables, with those of the command line."""
    return {name: thaw(value) for name, value in plan.variables}


def laid_over(variables: Mapping[str, object], host: Host) -> Host:
    """Return the host with the plan's variables laid over its own, as Ansible does."""
    return replace(host, variables=Variables(variables, host.variables))


def expect_same(plan: Plan, digest: str, targets: Sequence[Target], now: Sequence[Target]) -> None:
    """Raise PlanError unless plan and bundles are those that the run began with."""
    problems = []
    if plan.digest != digest:
        what = (
            "the plan has changed since the run began, which goes on, and back, by that plan only"
        )
        mend = "put it back as it was; or give the hosts another release: fleet apply"
        problems.append(Problem(Position(plan.source), "", what, mend))
    problems += [
        _changed(plan.source, f"the bundle of {then.package} is no longer {then.release}")
        for then, found in zip(targets, now, strict=False)
        if then != found
    ]
    if problems:
        raise PlanError(*problems)


def expect_locked(lock: Lock, targets: Sequence[Target]) -> None:
    """Raise PlanError unless releases that a lock's digests name have the versions it says."""
    versions = {target.package: target.version for target in targets}
    problems = [
        Problem(
            locked.position,
            f"packages.{locked.name}.version",
            f"{locked.version}, but the bundle with this digest is {versions[locked.name]}",
            "write the lock anew: fleet lock",
        )
        for locked in lock.packages
        if versions[locked.name] != locked.version
    ]
    if problems:
        raise PlanError(*problems)


def _changed(source: str, what: str) -> Problem:
    return Problem(Position(source), "", what, "put it back, or roll the run back and apply anew")


def _renewal(plan: Plan) -> float:
    """Return how soon trials of confirmed hosts must be renewed; 0: they end when confirmed."""
    if plan.rollout.commit is CommitScope.HOST:
        return 0.0
    return min(package.trial.renewal for package in plan.packages)


def _gate(work: PackageWork) -> Use | None:
    """Return the gate that hosts of the package pass before they are activated."""
    reboot = work.package.reboot
    return reboot.lock if reboot.when is not RebootWhen.NEVER else None


def _zones(prepared: Prepared) -> dict[str, str]:
    budget = prepared.plan.rollout.max_unavailable
    if budget is None or budget.per is None:
        return {}
    missing = [host.name for host in prepared.selected.fleet if budget.per not in host.variables]
    if missing:
        what = f"{len(missing)} hosts have no variable '{budget.per}', such as {missing[0]}"
        path = "rollout.max_unavailable.per"
        mend = "set it for them in the inventory"
        raise PlanError(Problem(Position(prepared.plan.source), path, what, mend))
    return {host.name: _word(host.variables[budget.per]) for host in prepared.selected.fleet}


def _word(value: object) -> str:
    """Return a variable's value as the name of a zone; ``group_names`` is a list."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
