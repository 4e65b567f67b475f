"""A lab with bundles beside it, for tests of which release goes where, and who agrees to it.

Each test works in a ``Corner``: plans, bundles, a ``FLEET_HOME``, and folders of its own on every
host. Commands run in this process, since it is imported already.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bundles.build import build
from orchestrator.bundles.signing import sign
from orchestrator.cli.main import main
from orchestrator.engines.ssh import keypair
from orchestrator.home import Home
from orchestrator.lab.lab import Lab
from orchestrator.model.event import Event, RunStarted

IDENTITY = "release@example.org"


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Corner:
    """One test's part of a lab."""

    lab: Lab
    folder: Path
    key: Path
    capture: pytest.CaptureFixture[str]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def trust(self) -> Path:
        return self.key.with_name("allowed_signers")

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    def bundle(self, package: str, version: str, **keys: object) -> Path:
        """Build and sign a bundle; ``keys`` go into its bundle.yml."""
        source = self.folder / "sources" / f"{package}-{version}"
        (source / "content").mkdir(parents=True, exist_ok=True)
        (source / "content" / "VERSION").write_text(f"{version}\n")
        described = {"package": package, "version": version, **keys}
        (source / "bundle.yml").write_text(json.dumps(described))
        built = build(source, self.folder / "bundles" / package).folder
        sign(built, self.key)
        return built

    def bundles(self, package: str, *versions: str) -> None:
        """Build and sign some versions of a package."""
        for version in versions:
            self.bundle(package, version)

    def write_plan(
        self, packages: Mapping[str, Mapping[str, object]], **keys: object
    ) -> dict[str, Any]:
        """Write the plan; each package has its keys on top of the usual ones."""
        document: dict[str, Any] = {
            "plan": "releases",
            "fleet": {"inventory": str(self.lab.paths.inventory)},
            "trust": {"allowed_signers": str(self.trust)},
            "packages": {
                name: {
                    "on": "all",
                    "bundle": f"bundles/{name}",
                    "root": "{{ fleet_root }}/" + self.name,
                    "state": "{{ fleet_state }}/" + self.name,
                    **package,
                }
                for name, package in packages.items()
            },
            "rollout": {"timeouts": {"connect": "5s"}, "retries": {"attempts": 1}},
            **keys,
        }
        self.plan.write_text(json.dumps(document))
        return document

    def fleet(self, *words: str | Path, expect: int = 0) -> Done:
        """Run a fleet command in this process; its exit code must be ``expect``."""
        self.capture.readouterr()
        code = main([str(word) for word in words])
        out, err = self.capture.readouterr()
        told = f"exit {code} of fleet {words}:\n{out}\n{err}"
        assert code == expect, told
        assert "Traceback" not in err, told
        return Done(code, out, err)

    def apply(self, *words: str, expect: int = 0) -> Done:
        """Apply the plan."""
        return self.fleet("apply", self.plan, "--output", "plain", *words, expect=expect)

    def give(self, package: str, version: str, *hosts: str) -> None:
        """Bring hosts (by default all) to a version."""
        self.write_plan({package: {"version": version, "allow_downgrade": True}})
        self.apply(*(["--limit", ":".join(hosts)] if hosts else []))

    def versions(self, package: str = "app") -> list[str]:
        """Return the version that is active on each host; '' where there is none."""
        found = []
        for host in self.lab.hosts:
            path = host.root / self.name / package / "current" / "VERSION"
            found.append(path.read_text().strip() if path.exists() else "")
        return found

    def runs(self) -> int:
        """Return how many runs the journal has."""
        with self.home.open_journal() as journal:
            return len(journal.runs())

    def events(self) -> list[Event]:
        """Return the events of the last run."""
        with self.home.open_journal() as journal:
            return [it.event for it in journal.events(journal.find_run("last"))]

    def started(self) -> RunStarted:
        """Return how the last run began."""
        first = self.events()[0]
        assert isinstance(first, RunStarted)
        return first

    def agreed(self) -> dict[str, str]:
        """Return what was agreed to for the last run, by package."""
        found = self.started().options["agreed"]
        assert isinstance(found, dict)
        return found


def write_key(folder: Path) -> Path:
    """Make a signing key, and a trust file beside it."""
    path = folder / "signing"
    public = keypair.write_new(path, IDENTITY)
    folder.joinpath("allowed_signers").write_text(
        f'{IDENTITY} namespaces="fleet-bundle" {public}\n'
    )
    return path


def at_terminal(answer: bytes, *words: str) -> Done:
    """Run a command whose user types this at a terminal; ``err`` is what the terminal shows."""
    ours, terminal = pty.openpty()
    command = [str(Path(sys.executable).with_name("fleet")), *words]
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as process:
        os.close(terminal)
        os.write(ours, answer)
        out, _ = process.communicate(timeout=60)
    shown = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    return Done(process.returncode, out, shown.decode())
