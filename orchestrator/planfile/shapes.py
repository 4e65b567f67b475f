"""The keys of a plan, what each means, and the model values made of them.

This table is the one description: the loader, the JSON Schema and the reference come from it,
and defaults come from ``orchestrator.model.plan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.model import plan as model
from orchestrator.planfile.kinds import Kinds
from orchestrator.planfile.names import NAME, PACKAGE, PATH, PATTERN, VARIABLE
from orchestrator.planfile.order import Order
from orchestrator.planfile.package import package_shape
from orchestrator.schema import (
    Choice,
    Duration,
    Field,
    ListOf,
    Named,
    Pairs,
    Quantity,
    Shape,
    Text,
    UseOf,
    Values,
    Whole,
    Wrong,
    shape_for,
    shape_of,
)


@dataclass(frozen=True)
class FleetPart:
    """``fleet`` of a plan."""

    inventory: tuple[str, ...]
    hosts: str


@dataclass(frozen=True)
class Document:
    """A plan as it was written, before its parts are held against each other."""

    plan: str
    fleet: FleetPart
    packages: tuple[model.Package, ...]
    description: str
    trust: str
    vars: Pairs
    order: tuple[model.Edge, ...]
    rollout: model.RolloutPolicy


FLEET = Shape(
    FleetPart,
    "Which hosts there are, and which of them the plan is about.",
    (
        Field(
            "inventory",
            ListOf(PATH, single=True, least=1),
            "File or folder of hosts, or a list of them; relative to the plan.",
            example="../inventories/lab",
        ),
        Field("hosts", PATTERN, "Pattern, as Ansible's: a:b is either, &c also, !d not.", "all"),
    ),
)

TRUST = Shape(
    lambda allowed_signers: allowed_signers,
    "Whose signatures count.",
    (
        Field(
            "allowed_signers",
            PATH,
            "OpenSSH allowed_signers file, relative to the plan; without it, the user's own.",
            "",
            example="../trust/allowed_signers",
        ),
    ),
)


def _cohort(share: model.Amount | None, count: model.Amount | None, **rest: object) -> model.Cohort:
    if share and count:
        raise Wrong("a cohort has a share or a count, not both", "remove one of them")
    return model.Cohort(share=share or count, **rest)  # type: ignore[arg-type]


COHORT = shape_for(
    model.Cohort,
    "Who moves together; a cohort without hosts, share and count takes all the rest.",
    Field("name", NAME, "Its name.", example="canary"),
    Field("hosts", PATTERN, "Pattern of its hosts.", example="canaries"),
    Field(
        "share",
        Quantity(count=False, positive=True),
        "Share of all moving hosts (or of those in `hosts`), taken from what earlier cohorts left; "
        "rounds up.",
        instead=True,
    ),
    Field(
        "count",
        Quantity(percent=False, positive=True, sample="1"),
        "As many of the hosts that earlier cohorts left.",
        None,
        instead=True,
    ),
    Field("bake", Duration(), "How long it is watched before the next cohort may start."),
    make=_cohort,
)

UNAVAILABLE = shape_for(
    model.UnavailabilityBudget,
    "How many hosts may be out of service at once; a percentage rounds down, at least 1.",
    Field("limit", Quantity(positive=True), "A count or a percentage."),
    Field(
        "per",
        VARIABLE,
        "Host variable: each of its values has its own limit; group_names: each set of groups.",
        example="zone",
    ),
    short="limit",
)

FAILURES = shape_for(
    model.FailureBudget,
    "How many hosts of a wave may fail; one more halts it.",
    Field("limit", Quantity(), "A count or a percentage."),
    Field("min_sample", Whole(1), "A percentage is judged once so many hosts have finished."),
    short="limit",
)

UNREACHABLE = shape_for(
    model.UnreachableBudget,
    "How many hosts of a wave may be unreachable, and what becomes of them.",
    Field("limit", Quantity(), "A count or a percentage."),
    Field("min_sample", Whole(1), "A percentage is judged once so many hosts have finished."),
    Field("then", Choice(model.UnreachablePolicy), "fail, skip, or defer to a later resume."),
    short="limit",
)

TIMEOUTS = shape_for(
    model.Timeouts,
    "How long each phase may take on one host.",
    Field("connect", Duration(1.0), "Connecting and logging in."),
    Field("check", Duration(1.0), "Probe and pre-checks."),
    Field("stage", Duration(1.0), "Sending the release and laying it down."),
    Field("activate", Duration(1.0), "Hooks, steps, flip and restarts."),
    Field("validate", Duration(1.0), "All validations, retries included."),
    Field("confirm", Duration(1.0), "The proof over a fresh connection."),
    Field("revert", Duration(1.0), "Going back."),
    Field("silent", Duration(1.0), "How long a host in doubt may stay silent."),
)

RETRIES = shape_for(
    model.Retries,
    "How often a connection is tried.",
    Field("attempts", Whole(1, 100), "Tries, the first included."),
    Field("backoff", Duration(), "Wait after the first; doubled each time, with jitter."),
    Field("max_backoff", Duration(), "The longest wait."),
)

ROLLOUT = shape_for(
    model.RolloutPolicy,
    "How the fleet moves, and what stops it.",
    Field("cohorts", ListOf(COHORT, least=1), "Who moves, in this order."),
    Field("max_parallel", Whole(1, 100_000), "Hosts worked on at the same time."),
    Field("max_unavailable", UNAVAILABLE, UNAVAILABLE.help),
    Field("max_failures", FAILURES, FAILURES.help),
    Field("max_unreachable", UNREACHABLE, UNREACHABLE.help),
    Field("on_halt", Choice(model.OnHalt), "Who goes back when a wave halts; hold: no one."),
    Field("commit", Choice(model.CommitScope), "Whose success makes a host's release final."),
    Field("resample", Quantity(), "Hosts of earlier waves proved again before the next opens."),
    Field("timeouts", TIMEOUTS, TIMEOUTS.help),
    Field("retries", RETRIES, RETRIES.help),
)


def plan_shape(kinds: Kinds) -> Shape:
    """Return the shape of a whole plan, with these kinds of checks, triggers and gates."""
    package = package_shape(
        _uses("check", kinds.checks),
        _uses("trigger", kinds.triggers),
        _uses("gate", kinds.gates, listed=False),
    )
    return Shape(
        Document,
        "What should be where, when, in which order, and what stops it.",
        (
            Field("plan", NAME, "The plan's name.", example="gateway-2.4"),
            Field("description", Text(), "What it is for.", "", example="Gateways to 2.4"),
            Field("fleet", FLEET, FLEET.help),
            Field("trust", TRUST, TRUST.help, ""),
            Field(
                "vars",
                Values(VARIABLE),
                "Variables for templates; -e overrides them.",
                Pairs(),
                example="{port: 8080}",
                first=True,
            ),
            Field("packages", Named(package, PACKAGE), "What should be where."),
            Field(
                "order",
                ListOf(Order()),
                "What must come before what.",
                (),
                example="\n  - {hosts: gateways, after: databases}  # patterns of hosts\n"
                "  # - gateway-db before gateway            packages; or: gateway after gateway-db",
            ),
            Field("rollout", ROLLOUT, ROLLOUT.help, model.RolloutPolicy()),
        ),
        later=("windows",),
    )


def _uses(noun: str, kinds: Mapping[str, type], *, listed: bool = True) -> UseOf:
    return UseOf(noun, {name: shape_of(kind) for name, kind in kinds.items()}, listed)
