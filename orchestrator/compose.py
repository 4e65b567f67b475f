"""Wires implementations together, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import gates
from orchestrator.bundles import sources
from orchestrator.bundles.delta.cache import PatchCache
from orchestrator.bundles.delta.patching import Patcher
from orchestrator.bundles.depot import BundleDepot
from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust, identities
from orchestrator.checks import CHECKS, build_check
from orchestrator.clock import WallClock
from orchestrator.doctor.spelling import Spelling
from orchestrator.engines.ssh import RecoveryConnector, SshConnector, SshSettings, SshTracer
from orchestrator.errors import BundleError, Problem
from orchestrator.home import Home
from orchestrator.host import source as host_program
from orchestrator.host.driver import HostDriver, Looker
from orchestrator.host.work import PackageWork, RunIdentity
from orchestrator.inventory import ConnectionDefaults, Inventory
from orchestrator.inventory import limit as limited
from orchestrator.inventory import load as load_inventory
from orchestrator.inventory import select as select_hosts
from orchestrator.model.fleet import BecomeMethod, Host
from orchestrator.model.lock import Pin
from orchestrator.model.plan import Package, Plan, RolloutPolicy, Use
from orchestrator.model.ranges import Range
from orchestrator.planfile import Kinds
from orchestrator.planfile import load as load_plan
from orchestrator.planning.outlook import Candidate
from orchestrator.planning.policy import leaves_choice
from orchestrator.ports import Connector, Gate
from orchestrator.service.examining import Doctor
from orchestrator.service.golden import restoring
from orchestrator.service.options import RunOptions
from orchestrator.service.prepare import Prepared, Selected, prepare, selected
from orchestrator.triggers import TRIGGERS, build_trigger

BecomePassword = Callable[[Host], str | None]
Narrow = Callable[[Plan], Plan]
FREE: Mapping[str, Pin] = {}
KINDS = Kinds(CHECKS, TRIGGERS)
"""What plans may name."""


@dataclass(frozen=True)
class Site:
    """A plan with the fleet that it speaks of."""

    plan: Plan
    fleet: Inventory
    chosen: Selected

    def select(self, pattern: str) -> tuple[str, ...]:
        """Return the hosts of the inventory that a pattern of the plan selects."""
        return select_hosts(self.fleet, pattern)


@dataclass(frozen=True)
class Ready:
    """A prepared run with the bundles that it needs; ``close`` lets go of spooled payloads."""

    prepared: Prepared
    depot: BundleDepot
    store: PayloadStore

    def close(self) -> None:
        """Remove what was spooled."""
        self.store.close()


@dataclass(frozen=True)
class Obtained:
    """A package's trusted bundle; ``chosen`` says that fleet chose its version, not the operator.

    ``beside`` are other bundles of the package: they tell what hosts have already.
    """

    package: Package
    bundle: Bundle
    beside: tuple[Bundle, ...]
    chosen: bool


def _as_it_is(plan: Plan) -> Plan:
    return plan


def read_plan(path: Path, options: RunOptions) -> Plan:
    """Return the plan in a file, with the flags that replace parts of it; raises PlanError."""
    plan = load_plan(path.absolute(), KINDS, options.extra_vars)
    if options.forks is not None:
        plan = replace(plan, rollout=replace(plan.rollout, max_parallel=options.forks))
    return restoring(plan, options.factory) if options.factory else plan


def read_site(path: Path, options: RunOptions, narrow: Narrow = _as_it_is) -> Site:
    """Return the plan, its inventory and its hosts; raises InputError with all problems.

    ``narrow`` may cut the plan down before its hosts are chosen.
    """
    plan = narrow(read_plan(path, options))
    fleet = load_inventory(
        options.inventory or plan.inventory,
        extra_vars=options.extra_vars,
        plan_dir=path.absolute().parent,
        defaults=_defaults(options),
        wanted=plan.hosts,
    )
    site = Site(plan, fleet, Selected(fleet, {}))
    within = None
    if options.limit is not None:
        within = frozenset(limited(fleet, site.select(plan.hosts), options.limit).names)
    return replace(site, chosen=selected(plan, fleet, site.select, within))


def read_fleet(options: RunOptions) -> Site:
    """Return the hosts of the inventory in the flags, without a plan; raises InventoryError."""
    usual = RolloutPolicy()
    rollout = replace(usual, max_parallel=options.forks or usual.max_parallel)
    plan = Plan("", "", "", options.inventory, "all", (), rollout=rollout)
    fleet = load_inventory(
        options.inventory, extra_vars=options.extra_vars, defaults=_defaults(options)
    )
    names = limited(fleet, fleet.by_name, options.limit).names if options.limit else fleet.by_name
    return Site(plan, fleet, Selected(fleet.only(names), {}))


def make_ready(
    site: Site, home: Home, options: RunOptions, pinned: Mapping[str, Pin] = FREE
) -> Ready:
    """Fetch and verify every bundle and compute the waves; raises InputError with all problems.

    ``pinned`` are releases by package: what a run began with, or a lock names.
    """
    trust = read_trust(site.plan, home, options)
    got = obtain(site.plan, home, trust, pinned)
    for it in got:
        home.released.keep(it.bundle)
    works = {
        it.package.name: PackageWork(
            it.package,
            it.bundle.manifest,
            trust.allowed_signers(it.package.name),
            identities(it.bundle.signatures),
            options.given if it.chosen and not options.locked else None,
        )
        for it in got
    }
    return _ready(site, home, works, got)


def make_ready_to_go_back(site: Site, home: Home, pinned: Mapping[str, Pin]) -> Ready | None:
    """Return what a run needs to take its releases back: no source, no signature, no content.

    ``None`` when one of its releases is not remembered here.
    """
    got: list[Obtained] = []
    for package in site.plan.packages:
        pin = pinned.get(package.name)
        bundle = home.released.find(pin.digest) if pin else None
        if not bundle:
            return None
        got.append(Obtained(package, bundle, (), chosen=False))
    works = {it.package.name: PackageWork(it.package, it.bundle.manifest, "", ()) for it in got}
    return _ready(site, home, works, got)


def _ready(
    site: Site, home: Home, works: Mapping[str, PackageWork], got: Sequence[Obtained]
) -> Ready:
    store = PayloadStore(home.payloads)
    known = (sibling for it in got for sibling in it.beside)
    patcher = Patcher(store, PatchCache(home.patches))
    depot = BundleDepot((it.bundle for it in got), store, known, patcher)
    return Ready(prepare(site.plan, site.chosen, site.select, works), depot, store)


def obtain(
    plan: Plan, home: Home, trust: Trust, pinned: Mapping[str, Pin] = FREE
) -> list[Obtained]:
    """Return the trusted bundle of every package; raises BundleError with all problems."""
    found: list[Obtained] = []
    problems: list[Problem] = []
    for package in plan.packages:
        try:
            source = sources.source_of(package.bundle, home.root)
            offer = choose(package, source, pinned.get(package.name))
            bundle = source.obtain(offer, trust)
        except BundleError as error:
            problems.extend(error.problems)
            continue
        chosen = leaves_choice(package) and offer.place != source.place
        found.append(Obtained(package, bundle, source.beside(bundle, trust), chosen))
    if problems:
        raise BundleError(*problems)
    return found


def offered(plan: Plan, home: Home) -> dict[str, tuple[Candidate, ...]]:
    """Return what the sources say they have of each package; raises BundleError."""
    found = {}
    for package in plan.packages:
        offers = sources.source_of(package.bundle, home.root).offers(package.name)
        found[package.name] = tuple(Candidate(it.version, it.urgency, it.notes) for it in offers)
    return found


def choose(package: Package, source: sources.Source, pin: Pin | None = None) -> sources.Offer:
    """Return what a package of a plan asks for, or just the release of a pin."""
    there = source.offers(package.name)
    if pin:
        return sources.choose(there, Range(pin.version), pin.digest, at=source.place)
    return sources.choose(there, wanted(package), at=source.place)


def wanted(package: Package) -> Range | None:
    """Return which versions a package of a plan asks for."""
    return Range(package.version) if package.version else None


def trust_path(plan: Plan, home: Home, options: RunOptions) -> Path:
    """Return where the trust file lies that the flags, the plan or the user's home names."""
    return Path(options.trust or plan.allowed_signers or home.trust)


def read_trust(plan: Plan, home: Home, options: RunOptions) -> Trust:
    """Return the trust file that the flags, the plan or the user's home names.

    The plan's thresholds are added to the file's.
    """
    trust = Trust.load(trust_path(plan, home, options))
    return trust.demanding({package.name: package.threshold for package in plan.packages})


def connector(
    plan: Plan, options: RunOptions, password: BecomePassword, environ: Mapping[str, str]
) -> Connector:
    """Return the connector of a run, which knows recovery addresses; raises as ``ssh``."""
    return RecoveryConnector(ssh(plan, options, password, environ))


def ssh(
    plan: Plan, options: RunOptions, password: BecomePassword, environ: Mapping[str, str]
) -> SshConnector:
    """Return the SSH connector of a run; raises InputError for a broken ssh_config."""
    return SshConnector(
        bootstrap=host_program.BOOTSTRAP,
        program=host_program.program_line(),
        settings=SshSettings(
            agent=environ.get("SSH_AUTH_SOCK", ""),
            accept_new=options.accept_new,
            connect_timeout=plan.rollout.timeouts.connect,
            retries=plan.rollout.retries,
        ),
        become_password=password,
    )


def doctor(site: Site, ssh: SshConnector, spell: Callable[[Host], Spelling]) -> Doctor:
    """Return what examines the hosts of a site; it changes nothing."""
    return Doctor(site.plan, site.chosen, SshTracer(ssh), WallClock(), spell)


def driver(
    ready: Ready,
    ssh: Connector,
    identity: RunIdentity,
    on_output: Callable[[str, str], None] | None,
) -> HostDriver:
    """Return the engine that changes hosts."""
    return HostDriver(
        ssh,
        ready.prepared.assignment,
        ready.depot,
        build_check,
        build_gate,
        build_trigger,
        identity,
        WallClock(),
        policy=ready.prepared.policy,
        on_output=on_output,
    )


def looker(ready: Ready, ssh: Connector, identity: RunIdentity) -> Looker:
    """Return the engine that only looks."""
    return Looker(
        ssh,
        ready.prepared.assignment,
        ready.depot,
        build_check,
        build_gate,
        build_trigger,
        identity,
        WallClock(),
        policy=ready.prepared.policy,
    )


def build_gate(use: Use, variables: Mapping[str, object]) -> Gate:
    """Return the gate that a plan uses, for one host; raises InputError."""
    return gates.build_gate(use, variables, WallClock())


def _defaults(options: RunOptions) -> ConnectionDefaults:
    return ConnectionDefaults(
        user=options.user,
        private_key=options.private_key,
        become=options.become,
        become_method=BecomeMethod(options.become_method),
        become_user=options.become_user,
    )
