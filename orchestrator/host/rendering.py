"""A plan's templates filled in for one host: places, environment, hooks, steps, services."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from orchestrator import templates
from orchestrator.errors import HostError
from orchestrator.host import services
from orchestrator.host.quoting import exports
from orchestrator.host.requests import Place, StepText, Texts
from orchestrator.host.requests_data import DataSet
from orchestrator.host.resting import data_set
from orchestrator.host.services import Service, Services, Verb
from orchestrator.host.work import Assignment, PackageWork
from orchestrator.model.plan import Package, Step
from orchestrator.planning.wayback import settled

ROOT = "/opt/fleet"
STATE = "/var/lib/fleet"
HOOKS = (
    "pre_stage",
    "post_stage",
    "pre_activate",
    "post_activate",
    "pre_revert",
    "post_revert",
    "cleanup",
)
"""All hooks, in the order of a package's life; docs/hooks.md says when each runs."""


class Variables(Mapping[str, object]):
    """Known values laid over others; neither side is evaluated before it is asked for."""

    def __init__(self, known: Mapping[str, object], others: Mapping[str, object]) -> None:
        self._sides = (known, others)

    def __getitem__(self, name: str) -> object:
        for side in self._sides:
            if name in side:
                return side[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for side in reversed(self._sides) for name in side))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Renderer:
    """Renders for one host; without ``facts``, templates that use them are an InputError."""

    def __init__(
        self, assignment: Assignment, run: str, facts: Mapping[str, object] | None = None
    ) -> None:
        host = assignment.host
        self._wave = assignment.wave
        self._run = run
        known: dict[str, object] = {
            "inventory_hostname": host.name,
            "group_names": list(host.groups),
            "wave": assignment.wave,
            "run": run,
        }
        if facts is not None:
            known["facts"] = facts
        self._common = Variables(known, host.variables)

    def place(self, work: PackageWork) -> Place:
        """Return where the package lives; raises HostError when that is not an absolute path."""
        return Place(work.name, *self.folders(work.package))

    def folders(self, package: Package) -> tuple[str, str]:
        """Return root and state of a package; raises HostError as ``place``."""
        root = self._folder(package.root, "fleet_root", ROOT, package.name)
        return root, self._folder(package.state, "fleet_state", STATE, package.name)

    def data(self, package: Package) -> DataSet:
        """Return the data of a package; raises HostError as ``place``, and for wrong paths."""
        place = Place(package.name, *self.folders(package))
        return data_set(package, place, Variables({"package": package.name}, self._common))

    def variables(self, work: PackageWork) -> Mapping[str, object]:
        """Return what the templates of a package may use."""
        path = self.place(work).release_path(work.release)
        version = work.manifest.version
        release = {"id": work.release, "version": version, "path": path}
        known = {"package": work.name, "version": version, "release": release}
        return Variables(known, self._common)

    def environment(self, work: PackageWork) -> str:
        """Return the plan's environment as export lines."""
        variables = self.variables(work)
        pairs = work.package.environment
        return exports({name: templates.render(value, variables) for name, value in pairs})

    def check_environment(self, work: PackageWork) -> str:
        """Return what a check sees: what the host gives to hooks, then the environment."""
        place = self.place(work)
        known = {
            "FLEET_PACKAGE": work.name,
            "FLEET_TO": work.release,
            "FLEET_RELEASE": place.release_path(work.release),
            "FLEET_ROOT": place.root,
            "FLEET_STATE": place.state,
            "FLEET_SHARED": f"{place.root}/{work.name}/shared",
            "FLEET_CURRENT": f"{place.root}/{work.name}/current",
            "FLEET_RUN": self._run,
            "FLEET_WAVE": self._wave,
        }
        return exports(known) + self.environment(work)

    def services(self, work: PackageWork) -> Services:
        """Return the services that follow the package's flip, in order."""
        variables, plan = self.variables(work), work.package
        items = ((Verb.RESTART, plan.restart), (Verb.RELOAD, plan.reload))
        return tuple(
            Service(verb, templates.render(item, variables))
            for verb, named in items
            for item in named
        )

    def reboot(self, work: PackageWork) -> str:
        """Return the shell text that reboots the host, where the package says one."""
        return templates.render(work.package.reboot.command, self.variables(work))

    def texts(self, work: PackageWork, later: Sequence[PackageWork] = ()) -> Texts:
        """Return the shell text that goes with the package, forward and back.

        Services that ``later`` packages of the host name too are left to these; but not on the
        way back, for which the host may be on its own.
        """
        variables = self.variables(work)
        plan = work.package
        own = self.services(work)
        mine = services.without(own, map(self.services, later))
        leaves = work.back is not None and work.back.preserve_data
        spared = settled(plan, work.back) if work.back else frozenset()
        hooks = {name: self._hook(work, name, variables) for name in HOOKS}
        return Texts(
            restart=services.text(mine),
            restart_back=services.text(own) if mine != own else "",
            hook_timeout=plan.hooks.timeout,
            env=self.environment(work),
            steps=() if leaves else tuple(_step(it, variables, spared) for it in plan.steps),
            settled=tuple(step.name for step in plan.steps if step.name in spared),
            back=work.back is not None and not leaves,
            **hooks,
        )

    def _hook(self, work: PackageWork, name: str, variables: Mapping[str, object]) -> str:
        """Return a hook's text: the bundle's own first, then the plan's."""
        text = templates.render(getattr(work.package.hooks, name), variables)
        if name not in work.manifest.hooks:
            return text
        release = self.place(work).release_path(work.release)
        return f"{shlex.quote(f'{release}/{work.manifest.hooks[name]}')} || exit\n{text}"

    def _folder(self, template: str | None, variable: str, default: str, package: str) -> str:
        given = template if template is not None else self._common.get(variable, default)
        folder = templates.render(str(given), Variables({"package": package}, self._common))
        if not folder.startswith("/") or ".." in folder.split("/"):
            raise HostError(
                f"package {package}: {folder!r} is not an absolute path without '..'",
                hint=f"mend the plan's root or state, or the host variable {variable}",
            )
        return folder.rstrip("/")


def mentions_facts(value: object) -> bool:
    """Return whether a template anywhere in ``value`` (text, or nested tuples) uses facts."""
    if isinstance(value, str):
        return _uses_facts(value)
    return isinstance(value, tuple) and any(mentions_facts(part) for part in value)


@lru_cache(maxsize=1024)
def _uses_facts(text: str) -> bool:
    return "facts" in templates.names(text)


def _step(step: Step, variables: Mapping[str, object], settled: frozenset[str]) -> StepText:
    if step.name in settled:  # data says what was done, and it is replaced
        return StepText(step.name, "", "")
    up = templates.render(step.run, variables)
    return StepText(step.name, up, templates.render(step.down, variables))
