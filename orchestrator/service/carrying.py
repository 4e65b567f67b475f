"""Offline media: what is carried to hosts, and what came of it carried into the journal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import ExitCode, InputError, PlanError, Position, Problem, UsageError
from orchestrator.host import source
from orchestrator.host.work import HostPolicy, RunIdentity
from orchestrator.journal import Journal, Owner
from orchestrator.media import Alone, Cargo, Kit, Medium, Told, kit_of
from orchestrator.media.kit import refuse_facts
from orchestrator.media.medium import identify
from orchestrator.media.needs import absent
from orchestrator.media.script import script_text
from orchestrator.model.carried import carried_run, is_carried
from orchestrator.model.event import Event, Target
from orchestrator.ports import BuildCheck, BuildTrigger, Depot, Payload
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import HostRecord
from orchestrator.rollout.verdict import exit_code
from orchestrator.service.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Packing:
    """What a medium is made with: who makes it, by which policy, whose signatures count."""

    build_check: BuildCheck
    build_trigger: BuildTrigger
    policy: HostPolicy
    operator: str
    signers: str
    built: float
    options: Mapping[str, object]


async def pack(prepared: Prepared, depot: Depot, packing: Packing) -> Cargo:
    """Return what a medium for the hosts of a prepared plan holds.

    Raises PlanError for templates that use facts, and for what releases need and hosts lack.
    """
    refuse_facts(prepared.plan)
    _refuse_absent(prepared)
    manifests = {work.release: work.manifest for work in prepared.works}
    payloads = {r: await depot.payload(m, m.files) for r, m in sorted(manifests.items())}
    draft = _kits(prepared, packing, payloads, "")
    files = [[kit.host, dict(kit.files)] for kit in draft]
    sums = {release: payload.sha256 for release, payload in payloads.items()}
    texts = [packing.signers, source.program_text(), script_text()]
    name = identify([prepared.plan.digest, files, sums, texts])
    medium = _medium(prepared, packing, name)
    kits = _kits(prepared, packing, payloads, name)
    paths = {release: payload.path for release, payload in payloads.items()}
    return Cargo(medium, tuple(kits), paths, packing.signers)


def expect_driven_here(run: str) -> None:
    """Raise UsageError for a run that its host drove: nothing can be asked of it from here."""
    if is_carried(run):
        raise UsageError(
            f"run {run} was driven by its host, from a medium: nothing can be asked of it here",
            hint="on the host, sh install.sh --install goes on with it and --back takes it back; "
            "then: fleet media import RESULTS",
        )


@dataclass(frozen=True, slots=True)
class Carried:
    """A run of a host as the journal has it now; ``new`` of its events were not there before."""

    events: tuple[Event, ...]
    rollout: Rollout
    new: int

    @property
    def host(self) -> HostRecord:
        """Return the host of the run: it has but one."""
        return next(iter(self.rollout.hosts.values()))

    @property
    def newness(self) -> tuple[str, float, int]:
        """Return what runs are sorted by, as the journal does: by host, the newest last."""
        return self.host.name, max(it.at for it in self.events), len(self.events)


async def carry_in(journal: Journal, told: Told) -> Carried:
    """Write a run that a host tells of into the journal, and return what that has now.

    What is there already must be how it begins: raises InputError for a story that was changed.
    """
    run = told.started.run
    row = next((row for row in journal.runs() if row.run == run), None)
    past = [it.event for it in journal.events(run)] if row else []
    _expect_beginning(told, past)
    events = (*past, *told.events[len(past) :])
    carried = Carried(events, Rollout.fold(events), len(events) - len(past))
    if carried.new or not row or row.verdict is None:
        await _write(journal, carried, len(past))
    return carried


async def _write(journal: Journal, carried: Carried, past: int) -> None:
    started, owner = carried.rollout.started, Owner.here()
    log = journal.take(started.run, owner) if past else journal.create_run(started, owner)
    try:
        for event in carried.events[max(1, past) :]:
            await log.append(event)
        ended = max(it.at for it in carried.events)
        journal.finish(started.run, exit_code(carried.rollout), ended)
    finally:
        await log.close()


def _expect_beginning(told: Told, past: Sequence[Event]) -> None:
    common = min(len(past), len(told.events))
    if list(past[:common]) != list(told.events[:common]):
        what = f"it does not go on from what the journal has of run {told.started.run}"
        raise InputError.at(told.file, what, "these results were changed, or are damaged")


def _kits(
    prepared: Prepared, packing: Packing, payloads: Mapping[str, Payload], name: str
) -> list[Kit]:
    identity = RunIdentity(carried_run(name), f"media: {packing.operator}", "")
    sizes = {release: payload.size for release, payload in payloads.items()}
    alone = (
        Alone(
            prepared.assignment(host),
            identity,
            packing.policy,
            packing.build_check,
            packing.build_trigger,
        )
        for host in _hosts(prepared)
    )
    return [kit_of(it, sizes) for it in alone]


def _medium(prepared: Prepared, packing: Packing, name: str) -> Medium:
    plan = prepared.plan
    targets: dict[str, tuple[Target, ...]] = {}
    for host in _hosts(prepared):
        mine = {work.name for work in prepared.assignment(host).packages}
        targets[host] = tuple(it for it in prepared.targets if it.package in mine)
    return Medium(
        id=name,
        plan=plan.name,
        plan_source=plan.source,
        plan_digest=plan.digest,
        built=packing.built,
        targets=targets,
        options=packing.options,
    )


def _hosts(prepared: Prepared) -> list[str]:
    return [host for wave in prepared.waves for host in wave.hosts]


def _refuse_absent(prepared: Prepared) -> None:
    place = Position(prepared.plan.source)
    problems = [
        Problem(place, f"host {host}", unmet.what, unmet.mend or "give the host what it lacks too")
        for host in _hosts(prepared)
        for unmet in absent(prepared.assignment(host))
    ]
    if problems:
        raise PlanError(*problems)


def worst(codes: Collection[ExitCode]) -> ExitCode:
    """Return the exit code of many runs: failures first, then what is under way."""
    for code in (ExitCode.FAILED, ExitCode.INTERRUPTED):
        if code in codes:
            return code
    return ExitCode.OK
