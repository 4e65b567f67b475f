"""What a medium holds for one host: the requests that a run would put to it, ready to be asked.

``install.sh`` adds what is known on the host alone: run, nonce and fencing token. Of keys that a
request has twice, the last counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import ClassVar

from orchestrator.errors import PlanError, Problem
from orchestrator.host import requests, requests_trial
from orchestrator.host.delivery import Delivery
from orchestrator.host.drift import Changes, standing
from orchestrator.host.procedures import checks, rebooting, staging, switching
from orchestrator.host.procedures.checks import Question
from orchestrator.host.rendering import Renderer, mentions_facts
from orchestrator.host.requests import Claim, Place
from orchestrator.host.work import Assignment, HostPolicy, PackageWork, RunIdentity
from orchestrator.media.needs import needs_of
from orchestrator.model.bundle import Manifest
from orchestrator.model.keeping import DriftPolicy, OnDrift
from orchestrator.model.plan import Plan
from orchestrator.model.transfer import Means
from orchestrator.model.trial import RebootWhen
from orchestrator.ports import BuildCheck, BuildTrigger

HISTORY = 200
"""Lines of the host's own history that are looked at."""

KEEP, OVERWRITE, FAIL = DriftPolicy.KEEP, DriftPolicy.OVERWRITE, DriftPolicy.FAIL


@dataclass(frozen=True)
class Alone:
    """What procedures build requests from, for a host that cannot be asked anything now."""

    assignment: Assignment
    identity: RunIdentity
    policy: HostPolicy
    build_check: BuildCheck
    build_trigger: BuildTrigger
    live: ClassVar[bool] = True

    @property
    def nonce(self) -> str:
        """Return what stands where the host puts the nonce of its trial."""
        return "nonce"

    @property
    def renderer(self) -> Renderer:
        """Return a renderer that knows no facts."""
        return Renderer(self.assignment, self.identity.run)

    def remaining(self) -> float:
        """Return the most seconds that one check may take."""
        return max(self.policy.timeouts.check, self.policy.timeouts.validate)

    @property
    def claim(self) -> Claim:
        """Return on whose behalf it is asked: by run and token that the host adds."""
        return Claim("run", self.identity.owner, 0, self.policy.lock_ttl)


@dataclass(frozen=True, slots=True)
class Kit:
    """The files of one host by name; ``releases`` are those that it is to get."""

    host: str
    files: Mapping[str, str]
    releases: tuple[str, ...]


def refuse_facts(plan: Plan) -> None:
    """Raise PlanError for every package whose templates use facts: there are none yet."""
    what = "its templates use 'facts', and a medium is made before its hosts can be asked"
    mend = "put what differs into the inventory's variables, or ask in the sh text itself"
    problems = [
        Problem(package.position, f"packages.{package.name}", what, mend)
        for package in plan.packages
        if mentions_facts(astuple(package))
    ]
    if problems:
        raise PlanError(*problems)


def kit_of(alone: Alone, sizes: Mapping[str, int]) -> Kit:
    """Return the kit of a host; ``sizes`` are those of the releases' payloads, in bytes.

    Raises InputError for templates that cannot be rendered, HostError for impossible folders.
    """
    works = alone.assignment.packages
    files = {"packages": "".join(_about(n, work) for n, work in enumerate(works, 1))}
    files["state"] = f"{alone.renderer.place(works[0]).state}\n"
    for n, work in enumerate(works, 1):
        lines = _lines(alone, work, sizes[work.release])
        files |= {f"{n}.{operation}": f"{line}\n" for operation, line in lines.items()}
    files["reboot.patience"] = f"{int(rebooting.patience(works))}\n"
    files |= _asked(alone)
    # A sum finds what is damaged, and only a list of names what is gone together with its sum.
    files["files"] = "".join(f"{name}\n" for name in sorted(files))
    return Kit(alone.assignment.host.name, files, tuple(work.release for work in works))


def _about(number: int, work: PackageWork) -> str:
    return f"{number} {work.name} {work.release} {work.manifest.digest}\n"


def _lines(alone: Alone, work: PackageWork, size: int) -> dict[str, str]:
    place, claim = alone.renderer.place(work), alone.claim
    delivery = Delivery(Means.GZIP, size)
    changes = _foreseen(work.package.on_drift, work.manifest)
    lines = {
        "probe": requests.probe(place, work.release, work.manifest.digest),
        "stage": staging.laying_down(alone, work, delivery, changes)(place, claim),
        "activate": switching.activation(alone, work)(place, claim),
        "confirm": switching.confirmation(alone, work)(place, claim),
        "commit": switching.commitment(alone, work)(place, claim),
        "revert": requests_trial.revert(place, claim, nonce=alone.nonce, why="", live=True),
        "withdraw": requests_trial.withdraw(place, claim, release=work.release),
        "verify": requests.verify(place),
        "history": requests.history(place, HISTORY),
    }
    if work.package.reboot.when is not RebootWhen.NEVER:
        works = alone.assignment.packages
        limit = rebooting.patience(works)
        lines["renew"] = rebooting.renewal(alone, work, limit)(place, claim)
        lines["reboot"] = rebooting.rebooting(alone, works)(place, claim)
    if later := _later(alone, work):
        lines["activate.shared"] = switching.activation(alone, work, later)(place, claim)
    if not work.package.on_drift.anywhere(FAIL):
        lines["repair"] = _repair(place, claim, work, size)
    return lines


def _later(alone: Alone, work: PackageWork) -> Sequence[PackageWork]:
    """Return the packages after this one, if services may be left to them (ADR 10)."""
    works = alone.assignment.packages
    later = works[works.index(work) + 1 :]
    mine = set(alone.renderer.services(work))
    return later if any(mine & set(alone.renderer.services(it)) for it in later) else ()


def _repair(place: Place, claim: Claim, work: PackageWork, size: int) -> str:
    return requests.repair(
        place,
        claim,
        release=work.release,
        manifest=work.manifest.digest,
        size=size,
        signers=work.signers,
        identities=work.identities,
        changes=standing(work.package.on_drift, work.manifest),
    )


def _foreseen(policy: OnDrift, manifest: Manifest) -> Changes:
    """Return what may become of local changes at paths that the release has.

    What has changed elsewhere is not foreseen: the host refuses it, unless all may be overwritten.
    """
    paths = [file.path for file in manifest.files] + [d.path for d in manifest.folders]
    return Changes(
        keep=tuple(path for path in paths if policy.of(path) is KEEP),
        overwrite=tuple(path for path in paths if policy.of(path) is OVERWRITE),
        overwrite_all=policy.everywhere(OVERWRITE),
    )


def _asked(alone: Alone) -> dict[str, str]:
    """Return the checks of both phases, a line each, and for how many seconds they are repeated."""
    renderer, timeouts = alone.renderer, alone.policy.timeouts
    works = alone.assignment.packages
    before = [checks.need(alone, renderer, w, needs_of(w, alone.build_check)) for w in works]
    before += [
        checks.pre_check(alone, renderer, work, use)
        for work in works
        for use in work.package.pre_checks
    ]
    after = checks.validations(alone)
    phases = {"pre": (before, timeouts.check), "post": (after, timeouts.validate)}
    found: dict[str, str] = {}
    for phase, (questions, patience) in phases.items():
        found[f"checks.{phase}"] = "".join(map(_question, questions))
        found[f"checks.{phase}.patience"] = f"{int(patience)}\n"
    return found


def _question(question: Question) -> str:
    return f"{question.label}\t{question.line}\n"
