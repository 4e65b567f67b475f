"""A site to hurt: a lab of real OpenSSH hosts, signed bundles, and the real ``fleet`` command.

A ``Site`` is made once for each test module. Each test works in an ``Area`` of it: a plan, a
``FLEET_HOME`` and folders of its own on every host, so that tests share hosts and meet in nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from orchestrator.bundles.build import build
from orchestrator.bundles.signing import sign
from orchestrator.engines.ssh import keypair
from orchestrator.home import Home
from orchestrator.journal import Journal
from orchestrator.lab.lab import Lab
from orchestrator.model.event import Event
from orchestrator.rollout.machine import Rollout
from tests.baddays.disk import PACKAGE, Disk
from tests.baddays.running import PATIENCE, Running
from tests.labs import start_lab

__all__ = ["BAD", "NEW", "OLD", "PACKAGE", "Area", "Disk", "Done", "Running", "Site", "start_site"]

OLD = "1.0.0"
NEW = "1.1.0"
BAD = "1.2.0"
"""A release whose validation says no."""

VALID = "#!/bin/sh\necho fine\n"
BROKEN = "#!/bin/sh\necho 'the database is on fire'\nexit 1\n"
FLEET = Path(sys.executable).with_name("fleet")
TRACED = ("pre_activate", "post_activate", "pre_revert", "post_revert")
"""Hooks of every plan; each adds ``<hook> <version gone to>`` to the host's trace."""

Done = subprocess.CompletedProcess[str]


@contextlib.contextmanager
def start_site(tmp_path_factory: pytest.TempPathFactory, hosts: int = 3) -> Iterator[Site]:
    """Start a lab with the bundles OLD, NEW and BAD beside it; take it down at the end."""
    with start_lab(tmp_path_factory, hosts) as lab:
        site = Site(lab, tmp_path_factory.mktemp("site"))
        for version, validate in ((OLD, VALID), (NEW, VALID), (BAD, BROKEN)):
            site.bundle(version, validate=validate)
        yield site


@dataclass(frozen=True)
class Site:
    """A lab, and a folder with a signing key, a trust file and the bundles that it signed."""

    lab: Lab
    folder: Path

    @property
    def bundles(self) -> Path:
        """Where the built bundles lie, as ``app-<version>``."""
        return self.folder / "bundles"

    @property
    def trust(self) -> Path:
        return self.folder / "allowed_signers"

    @cached_property
    def key(self) -> Path:
        """The signing key, made and trusted at its first use."""
        path = self.folder / "signing"
        public = keypair.write_new(path, "release@example.org")
        self.trust.write_text(f'release@example.org namespaces="fleet-bundle" {public}\n')
        return path

    def bundle(
        self,
        version: str,
        files: Mapping[str, bytes] | None = None,
        *,
        validate: str = VALID,
        into: Path | None = None,
        **more: object,
    ) -> Path:
        """Build and sign a bundle, with these files beside ``bin/validate`` and ``VERSION``.

        ``more`` are keys of its bundle.yml.
        """
        source = self.folder / "sources" / version
        content = {"bin/validate": validate.encode(), "VERSION": f"{version}\n".encode()}
        for name, data in (content | dict(files or {})).items():
            path = source / "content" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o755 if name.startswith("bin/") else 0o644)
        (source / "bundle.yml").write_text(
            json.dumps({"package": PACKAGE, "version": version, "shared": ["data"], **more})
        )
        built = build(source, into or self.bundles).folder
        sign(built, self.key)
        return built

    def area(
        self,
        name: str,
        *,
        hosts: int | None = None,
        like: Area | None = None,
        package: Mapping[str, object] | None = None,
        **rollout: object,
    ) -> Area:
        """Make an area: ``hosts`` is how many of the lab's take part, one of them the canary.

        Its hosts are empty, or have what those of the area ``like`` have. ``package`` and
        ``rollout`` add to, or replace, keys of the plan.
        """
        names = tuple(host.name for host in self.lab.hosts[:hosts])
        area = Area(self, name, names)
        area.home.mkdir(parents=True)
        area.plan.write_text(json.dumps(_plan(area, dict(package or {}), rollout)))
        if like is not None:
            for place in (folder for disk in area.disks for folder in disk.places):
                shutil.copytree(place.with_name(like.name), place, symlinks=True)
        return area


@dataclass(frozen=True)
class Area:
    """One test's part of a site."""

    site: Site
    name: str
    hosts: tuple[str, ...]
    controller: str = "home"
    """Two of one area are two ops boxes that do not know of each other."""

    @property
    def folder(self) -> Path:
        return self.site.folder / "areas" / self.name

    @property
    def home(self) -> Path:
        """``FLEET_HOME`` of its commands."""
        return self.folder / self.controller

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    def fleet(
        self,
        *words: str | Path,
        expect: int | None = 0,
        timeout: float = PATIENCE,
        within: int | None = None,
    ) -> Done:
        """Run a fleet command to its end; with ``expect``, its exit code must be that.

        ``within`` is how many bytes the files that it writes may have.
        """
        limit = [] if within is None else ["prlimit", f"--fsize={within}"]
        done = subprocess.run(
            [*limit, FLEET, *map(str, words)],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        told = f"exit {done.returncode} of fleet {words}:\n{done.stdout}\n{done.stderr}"
        assert expect is None or done.returncode == expect, told
        assert "Traceback" not in done.stderr, told
        return done

    def apply(self, version: str, *words: str, expect: int | None = 0) -> Done:
        """Apply the plan with this version of the package."""
        return self.fleet("apply", self.plan, "-e", f"version={version}", *words, expect=expect)

    @contextlib.contextmanager
    def start(self, *words: str | Path) -> Iterator[Running]:
        """Start a fleet command, and see to it that it has ended at the end."""
        with subprocess.Popen(
            [FLEET, *map(str, words)],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            running = Running(process)
            try:
                yield running
            finally:
                running.end()

    def start_apply(self, version: str) -> contextlib.AbstractContextManager[Running]:
        """Start to apply the plan with this version; its output is JSON lines."""
        return self.start("apply", self.plan, "-e", f"version={version}", "--output", "json")

    def journal(self) -> contextlib.closing[Journal]:
        """Open the area's journal."""
        return contextlib.closing(Home(self.home).open_journal())

    def events(self, run: str = "last") -> list[Event]:
        """Return the events of a run as the journal has them."""
        with self.journal() as journal:
            return [recorded.event for recorded in journal.events(journal.find_run(run))]

    def rollout(self, run: str = "last") -> Rollout:
        """Return a run folded from its journal."""
        return Rollout.fold(self.events(run))

    def disk(self, host: str) -> Disk:
        """Return what a host has of this area's package."""
        return Disk(self.site.lab.host(host), self.name)

    @property
    def disks(self) -> list[Disk]:
        """Return what each host of the area has."""
        return [self.disk(host) for host in self.hosts]

    def versions(self) -> dict[str, str]:
        """Return the version that is active on each host."""
        return {disk.host.name: disk.version for disk in self.disks}

    def all_on(self, version: str) -> dict[str, str]:
        """Return what ``versions`` is when every host has this one."""
        return dict.fromkeys(self.hosts, version)

    def verify(self) -> None:
        """Have ``fleet hosts verify`` prove what is active, byte by byte."""
        self.fleet("hosts", "verify", self.plan, "-e", f"version={OLD}")

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its commands."""
        mine = {"FLEET_HOME": str(self.home), "HOME": str(self.folder), "PYTHONWARNINGS": "error"}
        kept = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        return kept | mine


def _traced(name: str, detail: str = "words") -> str:
    """Return sh text that leaves a trace, and then waits for as long as it is held."""
    trace = f'echo "{name} {detail}" >> "$FLEET_ROOT/trace"'
    return f'{trace}; while [ -e "$FLEET_ROOT/hold-{name}" ]; do sleep 0.05; done'


def _plan(area: Area, package: dict[str, object], rollout: dict[str, object]) -> dict[str, object]:
    site, canary = area.site, area.hosts[0]
    return {
        "plan": area.name,
        "vars": {"version": OLD},
        "fleet": {"inventory": str(site.lab.paths.inventory), "hosts": ":".join(area.hosts)},
        "trust": {"allowed_signers": str(site.trust)},
        "packages": {
            PACKAGE: {
                "on": ":".join(area.hosts),
                "bundle": str(site.bundles),
                "version": "{{ version }}",
                "root": "{{ fleet_root }}/" + area.name,
                "state": "{{ fleet_state }}/" + area.name,
                "hooks": {hook: _traced(hook, "${FLEET_TO%%-*}") for hook in TRACED},
                "steps": [{"name": "words", "run": _traced("step"), "down": _traced("unstep")}],
                "validations": [{"script": {"run": "bin/validate", "timeout": "10s"}}],
                "trial": {"deadline": "2m"},
                **package,
            }
        },
        "rollout": {
            "cohorts": [{"name": "canary", "hosts": canary}, {"name": "rest"}],
            "max_failures": 0,
            "timeouts": {"connect": "5s", "validate": "20s", "confirm": "20s", "silent": "20s"},
            "retries": {"attempts": 3, "backoff": "100ms"},
            **rollout,
        },
    }
