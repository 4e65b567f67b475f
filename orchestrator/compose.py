"""Wires implementations together, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import gates
from orchestrator.bundles import obtaining
from orchestrator.bundles.delta.cache import PatchCache
from orchestrator.bundles.delta.patching import Patcher
from orchestrator.bundles.depot import BundleDepot
from orchestrator.bundles.obtaining import Obtained
from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust, identities
from orchestrator.checks import CHECKS, build_check
from orchestrator.clock import WallClock
from orchestrator.doctor.spelling import Spelling
from orchestrator.engines.ssh import RecoveryConnector, SshConnector, SshSettings, SshTracer
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
from orchestrator.model.plan import Plan, RolloutPolicy, Use
from orchestrator.planfile import Kinds
from orchestrator.planfile import load as load_plan
from orchestrator.ports import Connector, Gate
from orchestrator.service import bundled
from orchestrator.service.examining import Doctor
from orchestrator.service.golden import restoring
from orchestrator.service.options import RunOptions
from orchestrator.service.prepare import Prepared, Selected, prepare, selected
from orchestrator.service.wayback import way
from orchestrator.triggers import TRIGGERS, build_trigger

BecomePassword = Callable[[Host], str | None]
Narrow = Callable[[Plan], Plan]
FREE: Mapping[str, Pin] = {}
KINDS = Kinds(CHECKS, TRIGGERS, gates.GATES)
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


def as_it_is(plan: Plan) -> Plan:
    """Return the whole plan."""
    return plan


def read_plan(path: Path, options: RunOptions) -> Plan:
    """Return the plan in a file, with the flags that replace parts of it; raises PlanError."""
    plan = load_plan(path.absolute(), KINDS, options.extra_vars)
    if options.forks is not None:
        plan = replace(plan, rollout=replace(plan.rollout, max_parallel=options.forks))
    return restoring(plan, options.factory) if options.factory else plan


def read_site(path: Path, options: RunOptions, narrow: Narrow = as_it_is) -> Site:
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
    got = obtaining.obtain(site.plan, home.root, trust, pinned)
    for it in got:
        home.released.keep(it.bundle)
    agreed = None if options.locked else options.given
    works = {
        it.package.name: replace(_work(it, trust), agreed=agreed if it.chosen else None)
        for it in got
    }
    return _ready(site, home, works, got)


def _work(it: Obtained, trust: Trust) -> PackageWork:
    signers = trust.allowed_signers(it.package.name)
    return PackageWork(it.package, it.bundle.manifest, signers, identities(it.bundle.signatures))


def expect_files(ready: Ready) -> None:
    """Raise PlanError for files of the bundles that the plan names and they do not have."""
    bundled.expect_files(ready.prepared.works, validations=CHECKS, triggers=TRIGGERS)


def make_ready_for_way_back(
    site: Site, home: Home, options: RunOptions, pinned: Mapping[str, Pin]
) -> Ready:
    """Return what a run needs to take packages back to what ``pinned`` says hosts have or had.

    Releases that sources no longer have are known from earlier runs. Raises BundleError with all
    problems.
    """
    trust = read_trust(site.plan, home, options)
    got = obtaining.obtain_again(site.plan, home.root, trust, pinned, home.released)
    works = {it.package.name: replace(_work(it, trust), back=way(options)) for it in got}
    digests = (release.rpartition("-")[2] for release in options.leaving)
    for it in got:
        home.released.keep(it.bundle)
    return _ready(site, home, works, got, filter(None, map(home.released.named, digests)))


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
    site: Site,
    home: Home,
    works: Mapping[str, PackageWork],
    got: Sequence[Obtained],
    more: Iterable[Bundle] = (),
) -> Ready:
    store = PayloadStore(home.payloads)
    known = (*more, *(sibling for it in got for sibling in it.beside))
    patcher = Patcher(store, PatchCache(home.patches))
    depot = BundleDepot((it.bundle for it in got), store, known, patcher)
    return Ready(prepare(site.plan, site.chosen, site.select, works), depot, store)


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
    options: RunOptions,
    on_output: Callable[[str, str], None] | None,
) -> HostDriver:
    """Return the engine that changes hosts; a golden release goes by recovery addresses too."""
    return HostDriver(
        ssh,
        ready.prepared.assignment,
        ready.depot,
        build_check,
        build_gate,
        build_trigger,
        identity,
        WallClock(),
        policy=replace(ready.prepared.policy, by_recovery=bool(options.factory)),
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
