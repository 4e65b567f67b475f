"""A site of machines: releases of a service that systemd runs, and the real ``fleet`` command.

Each test, and each trial of the matrix, works in a `Ground`: one machine, and on it a package, a
unit and folders of its own, so that they share machines and meet in nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orchestrator.lab.lab import Lab
from tests.baddays.site import BAD, NEW, OLD, PACKAGE, Area, Site
from tests.machines.system import System

FIRST = "0.9.0"
"""The oldest release, which a commit removes."""

SERVE = "#!/bin/sh\n# {version}\nexec sleep 1000000\n"
VALIDATE = """\
#!/bin/sh
# {version}
[ "${{FLEET_KILL_POINT-}}" != validating ] || kill -STOP "$$"
while [ -e "/run/hold-${{FLEET_ROOT##*/}}" ]; do sleep 0.1; done
systemctl is-active --quiet "${{FLEET_ROOT##*/}}.service" || exit 1
{verdict}
"""
ON_TRIAL = (
    'nonce=$(sed -n "s/^trial_nonce=//p" trial 2>/dev/null); '
    'grep -qsxF "last_nonce=$nonce" last || echo ${nonce:+trial}'
)
"""A trial that ``last`` tells of is over, even if its record still lies there."""

UNIT = """\
[Service]
ExecStart={home}/current/bin/serve
WorkingDirectory={home}/current
[Install]
WantedBy=multi-user.target
"""


def make_site(lab: Lab, folder: Path) -> MachineSite:
    """Make a site of a lab's machines, with all releases built."""
    site = MachineSite(Site(lab, folder))
    for version in (FIRST, OLD, NEW, BAD):
        site.bundle(version, verdict="exit 1" if version == BAD else "exit 0")
    for system in site.systems:
        system.prepare()
    return site


@dataclass(frozen=True)
class Found:
    """What a machine has of a ground's package."""

    active: str
    """The active release."""
    digests: str
    """Its content, as sha256sum lists it."""
    runs: str
    """The release that the service runs from, or nothing."""
    left: tuple[str, ...]
    """Records that are only there while something is under way."""

    @property
    def version(self) -> str:
        return self.active.rpartition("-")[0]


@dataclass(frozen=True)
class MachineSite:
    """A lab of machines with bundles for them."""

    site: Site

    @property
    def lab(self) -> Lab:
        return self.site.lab

    @property
    def systems(self) -> list[System]:
        return [System(self.lab, host) for host in self.lab.hosts]

    def bundle(self, version: str, *, verdict: str = "exit 0", **files: str) -> None:
        """Build and sign a release; ``files`` are further ones, below ``bin``."""
        serve = SERVE.format(version=version)
        content = {
            f"bin/{name}": text.encode() for name, text in ({"serve": serve} | files).items()
        }
        validate = VALIDATE.format(version=version, verdict=verdict)
        self.site.bundle(version, content, validate=validate)

    def digests(self, version: str) -> str:
        """Return what `Found.digests` must be for a release."""
        content = self.site.folder / "sources" / version / "content"
        names = ("VERSION", "bin/serve", "bin/validate")
        return "\n".join(
            f"{hashlib.sha256((content / name).read_bytes()).hexdigest()}  {name}" for name in names
        )

    def ground(self, system: System, name: str, *, unit: str = UNIT, **keys: Any) -> Ground:
        """Make a ground without releases; ``package`` and ``timeouts`` add to its plan."""
        ground = Ground(self, system, name)
        ground.area.home.mkdir(parents=True)
        ground.write_plan(**keys)
        system.run(
            f"cat >/etc/systemd/system/{name}.service <<'END'\n{unit.format(home=ground.home)}END\n"
            f"systemctl daemon-reload; systemctl --quiet enable {name}"
        )
        return ground

    def two_releases(self, system: System, name: str, **keys: Any) -> Ground:
        """Make a ground that has OLD active, with FIRST before it; all of it on disk."""
        model = Ground(self, system, "model")
        if not model.area.home.exists():
            model = self.ground(system, "model", package={"steps": []})
            for version in (FIRST, OLD):
                model.area.apply(version)
        ground = self.ground(system, name, **keys)
        system.run(
            f"for place in /opt/fleet /var/lib/fleet; do cp -a $place/model $place/{name}; done\n"
            f"systemctl restart {name}; sync"
        )
        return ground


@dataclass(frozen=True)
class Ground:
    """One machine, and on it a package of its own."""

    machines: MachineSite
    system: System
    name: str

    @property
    def area(self) -> Area:
        """Where its commands run, on the ops box."""
        return Area(self.machines.site, f"{self.system.name}-{self.name}", (self.system.name,))

    @property
    def home(self) -> str:
        """The package's folder of releases."""
        return f"/opt/fleet/{self.name}/{PACKAGE}"

    @property
    def state(self) -> str:
        """The package's folder of records."""
        return f"/var/lib/fleet/{self.name}/{PACKAGE}"

    @property
    def version(self) -> str:
        """The active version, whether or not the machine can be reached."""
        try:
            link = (self.system.disk / self.home[1:] / "current").readlink()
        except OSError:
            return ""
        return link.name.rpartition("-")[0]

    def record(self, name: str) -> str:
        """Return one of the package's records, whether or not the machine can be reached."""
        try:
            return (self.system.disk / self.state[1:] / name).read_text()
        except OSError:
            return ""

    def look(self) -> Found:
        """Look at the machine behind the back of ``fleet``."""
        text = self.system.run(
            f"cd {self.home}; basename $(readlink current)\n"
            f"pid=$(systemctl show --property MainPID --value {self.name})\n"
            f'[ "$pid" = 0 ] && echo || basename "$(readlink /proc/$pid/cwd)"\n'
            f"cd {self.state}; echo $(ls -d lock busy hook 2>/dev/null) $({ON_TRIAL})\n"
            f"cd {self.home}/current && sha256sum VERSION bin/serve bin/validate\n"
        )
        active, runs, left, digests = text.split("\n", 3)
        return Found(active, digests, runs, tuple(left.split()))

    def clear(self) -> None:
        """Stop the service, and remove what the ground has on the machine."""
        self.system.ask(
            f"systemctl disable --now --quiet {self.name}\n"
            f"rm -rf /etc/systemd/system/{self.name}.service"
            f" /opt/fleet/{self.name} /var/lib/fleet/{self.name}"
        )

    def write_plan(
        self,
        package: Mapping[str, Any] = MappingProxyType({}),
        timeouts: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Write the plan, of this machine alone."""
        site = self.machines.site
        impatient = {"all": {"vars": {"ansible_ssh_extra_args": "-o ServerAliveInterval=1"}}}
        (self.area.folder / "impatient.yml").write_text(json.dumps(impatient))
        document = {
            "plan": self.name,
            "vars": {"version": OLD},
            "fleet": {
                "inventory": [str(site.lab.paths.inventory), "impatient.yml"],
                "hosts": self.system.name,
            },
            "trust": {"allowed_signers": str(site.trust)},
            "packages": {
                PACKAGE: {
                    "on": self.system.name,
                    "bundle": str(site.bundles),
                    "version": "{{ version }}",
                    "root": f"/opt/fleet/{self.name}",
                    "state": f"/var/lib/fleet/{self.name}",
                    "restart": [f"{self.name}.service"],
                    "steps": [{"name": "words", "run": "true", "down": "true"}],
                    "validations": [{"script": {"run": "bin/validate", "timeout": "30s"}}],
                    "trial": {"deadline": "1m"},
                    **package,
                }
            },
            "rollout": {
                "max_failures": 0,
                "timeouts": {"silent": "30s", "validate": "20s", "confirm": "20s", **timeouts},
                "retries": {"attempts": 3, "backoff": "100ms"},
            },
        }
        self.area.plan.write_text(json.dumps(document))
