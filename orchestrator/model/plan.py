"""A plan as data: validated, frozen, and free of live objects, so that it can be hashed.

Every number has its unit here: seconds, bytes, or a count of hosts. Values that may hold Jinja2
templates are marked *template*; they are rendered for each host with its variables and facts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.errors import Position
from orchestrator.model.consent import ReleasePolicy
from orchestrator.model.keeping import BackupRetention, Data, OnDrift, Retention
from orchestrator.model.trial import RebootWhen, Trial

NOWHERE = Position("")

_SECRET = re.compile(r"https?://[^/]*@|[a-z0-9+.-]+://[^/@]*:[^/]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Use:
    """The choice of an implementation by name, with its options as read from YAML.

    ``options`` is a sorted tuple of pairs (values: scalars, tuples, or nested tuples of pairs),
    so that the choice is hashable; templates are still unrendered.
    """

    name: str
    options: tuple[tuple[str, object], ...] = ()
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Amount:
    """A count of hosts, or a percentage of a frozen denominator."""

    value: float
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.percent else f"{self.value:g}"


class OnHalt(StrEnum):
    """What a halted wave does with the hosts that already moved.

    A host that fails always goes back alone, whatever the choice.
    """

    HOLD = "hold"
    ROLLBACK_WAVE = "rollback-wave"
    ROLLBACK_RUN = "rollback-run"


class CommitScope(StrEnum):
    """Whose success makes a host's release final."""

    HOST = "host"
    WAVE = "wave"
    RUN = "run"


class UnreachablePolicy(StrEnum):
    """What becomes of a host that cannot be reached before it was touched."""

    FAIL = "fail"
    SKIP = "skip"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Cohort:
    """*Who*, declared: hosts of a pattern, a share, or all that earlier cohorts left.

    ``share`` is a count, or a percentage of all moving hosts (or of those in ``hosts``), taken
    from what earlier cohorts left; it rounds up.
    """

    name: str
    hosts: str | None = None
    share: Amount | None = None
    bake: float = 0.0
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class FailureBudget:
    """Failures that a wave may have; *exceeded* strictly before it halts.

    A percentage is judged once ``min_sample`` hosts of the wave (or all of them, in a smaller
    wave) have finished.
    """

    limit: Amount = Amount(0)
    min_sample: int = 1


@dataclass(frozen=True, slots=True)
class UnreachableBudget:
    """Hosts that may be unreachable, and what becomes of each."""

    limit: Amount = Amount(0)
    min_sample: int = 1
    then: UnreachablePolicy = UnreachablePolicy.FAIL


@dataclass(frozen=True, slots=True)
class UnavailabilityBudget:
    """Hosts that may be out of service at once, fleet-wide or for each value of ``per``.

    ``per`` names a host variable (such as ``zone``), or is ``None``.
    """

    limit: Amount
    per: str | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines of each phase on one host, in seconds."""

    connect: float = 15.0
    check: float = 60.0
    stage: float = 600.0
    activate: float = 300.0
    validate: float = 120.0
    confirm: float = 60.0
    revert: float = 300.0
    silent: float = 300.0
    """How long a host in doubt may stay silent before a person is asked."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a connection is tried, with exponential backoff and jitter between tries."""

    attempts: int = 3
    backoff: float = 1.0
    max_backoff: float = 30.0


@dataclass(frozen=True, slots=True)
class RolloutPolicy:
    """How the fleet moves, and what stops it."""

    cohorts: tuple[Cohort, ...] = (Cohort("everyone"),)
    max_parallel: int = 50
    max_unavailable: UnavailabilityBudget | None = None
    max_failures: FailureBudget = FailureBudget()
    max_unreachable: UnreachableBudget = UnreachableBudget()
    on_halt: OnHalt = OnHalt.ROLLBACK_WAVE
    commit: CommitScope = CommitScope.WAVE
    resample: Amount = Amount(10)
    """How many hosts of earlier waves are proved again before the next wave opens."""
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()


@dataclass(frozen=True, slots=True)
class Step:
    """A migration step: shell text run once before the flip; ``down`` undoes it (templates).

    ``migrates`` are paths in manifests' ``config`` whose schema it changes, and ``down`` back.
    """

    name: str
    run: str
    down: str = ""
    after: tuple[str, ...] = ()
    migrates: tuple[str, ...] = ()
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Shell text run on the host around each phase (templates); empty means none."""

    pre_stage: str = ""
    post_stage: str = ""
    pre_activate: str = ""
    post_activate: str = ""
    pre_revert: str = ""
    post_revert: str = ""
    cleanup: str = ""
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Reboot:
    """Reboots as part of a release; ``deadline`` is in seconds."""

    when: RebootWhen = RebootWhen.IF_REQUIRED
    deadline: float = 300.0
    """Until the host must be back, on another boot id."""
    max_boot_attempts: int = 3
    """Boots during a trial; one more, and the host goes back."""
    command: str = ""
    """Shell text that reboots the host; empty: systemctl, reboot or shutdown."""
    lock: Use | None = None
    """The gate that a host passes before it is activated, if it may reboot."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the bundles of a package come from; nothing is trusted because of it.

    ``location`` is a path (resolved against the plan's folder) or a URL. With ``git`` it is a
    repository, or its short name in a tap, and ``folder`` is where in it ``bundle.yml`` lies.
    """

    location: str
    git: bool = False
    folder: str = ""

    @property
    def has_secret(self) -> bool:
        """Return whether a name or password stands in a URL, where messages would show it."""
        return _SECRET.match(self.location) is not None

    def __str__(self) -> str:
        return f"git {self.location}" if self.git else self.location


@dataclass(frozen=True, slots=True)
class Package:
    """What should be where: one package, its release, and how it is proved on a host."""

    name: str
    on: str
    """Pattern of the hosts that carry it; within the plan's fleet."""
    bundle: Origin
    version: str | None = None
    """A range of versions, ``latest`` or one version; ``None``: as ``latest``."""
    policy: ReleasePolicy = ReleasePolicy()
    root: str | None = None
    """Template; ``None``: host variable ``fleet_root``, else ``/opt/fleet``."""
    state: str | None = None
    """Template; ``None``: host variable ``fleet_state``, else ``/var/lib/fleet``."""
    keep: Retention = Retention()
    backups: BackupRetention = BackupRetention()
    factory: str | None = None
    """The version of the golden release: it is pinned on hosts, and no retention removes it."""
    data: Data = Data()
    on_drift: OnDrift = OnDrift()
    allow_downgrade: bool = False
    threshold: int = 1
    """Distinct signers that a bundle needs at least; the trust file may ask for more."""
    restart: tuple[str, ...] = ()
    """Services to restart after each flip, in order; an item with a space is a command."""
    reload: tuple[str, ...] = ()
    """Services to reload after those were restarted, likewise."""
    environment: tuple[tuple[str, str], ...] = ()
    pre_checks: tuple[Use, ...] = ()
    validations: tuple[Use, ...] = ()
    triggers: tuple[Use, ...] = ()
    """What takes a host on trial back before its deadline."""
    hooks: Hooks = Hooks()
    steps: tuple[Step, ...] = ()
    trial: Trial = Trial()
    reboot: Reboot = Reboot()
    position: Position = field(default=NOWHERE, compare=False)


class EdgeKind(StrEnum):
    """What the two ends of an edge name."""

    PACKAGES = "packages"
    HOSTS = "hosts"


@dataclass(frozen=True, slots=True)
class Edge:
    """What goes first; ``before`` and ``after`` name packages, or are patterns of hosts.

    Of patterns, all hosts of ``before`` move before all hosts of ``after``. Of packages, hosts that
    carry ``before`` alone move first, then those that carry both (``before`` first on each), then
    those that carry ``after`` alone.
    """

    before: str
    after: str
    kind: EdgeKind
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole document; ``source`` is the file it was read from, ``digest`` its sha256 (hex).

    The digest covers the meaning (all values but positions), not the spelling.
    """

    name: str
    source: str
    digest: str
    inventory: tuple[str, ...]
    hosts: str
    packages: tuple[Package, ...]
    edges: tuple[Edge, ...] = ()
    rollout: RolloutPolicy = RolloutPolicy()
    description: str = ""
    allowed_signers: str = ""
    """Path of the trust file, resolved against the plan's folder; empty: the user's default."""
    variables: tuple[tuple[str, object], ...] = ()
