"""An ops box that builds media, and hosts that get nothing but these."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.bundles.build import build
from orchestrator.bundles.signing import sign
from orchestrator.engines.ssh import keypair

FLEET = Path(sys.executable).with_name("fleet")
PATIENCE = 60.0
OLD, NEW, BAD = "1.0.0", "1.1.0", "1.2.0"
"""The last has a validation that says no."""
PACKAGES = ("app", "db")

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Site:
    """A folder with a key, a trust file, bundles of two packages, and FLEET_HOME."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Site:
        """Make one."""
        site = cls(folder)
        site.signer("signing", folder / "allowed_signers")
        for package in PACKAGES:
            for version in (OLD, NEW, BAD):
                site.bundle(package, version)
        return site

    def signer(self, name: str, trusted: Path) -> None:
        """Make a key, and a trust file that trusts it."""
        public = keypair.write_new(self.folder / name, "release@example.org")
        trusted.write_text(f'release@example.org namespaces="fleet-bundle" {public}\n')

    def bundle(self, package: str, version: str, key: str = "signing", **extra: object) -> None:
        """Build and sign a bundle whose program says its version."""
        source = self.folder / "sources" / package / version
        verdict = "exit 1" if version == BAD else "exit 0"
        content = {
            "bin/validate": f"#!/bin/sh\necho validated {version}\n{verdict}\n",
            "VERSION": f"{version}\n",
        }
        for name, text in content.items():
            path = source / "content" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if name.startswith("bin/") else 0o644)
        document = {"package": package, "version": version, "shared": ["data"], **extra}
        (source / "bundle.yml").write_text(json.dumps(document))
        sign(build(source, self.folder / "bundles" / package).folder, self.folder / key)

    def plan(self, name: str, hosts: Mapping[str, Path], **package: object) -> Path:
        """Write a plan for hosts whose packages lie below a folder each."""
        inventory = self.folder / f"{name}.ini"
        lines = [f"{host} base={folder}" for host, folder in hosts.items()]
        inventory.write_text("\n".join(["[stores]", *lines]) + "\n")
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(_plan(name, inventory, package)))
        return path

    def fleet(self, *words: str | Path, expect: int = 0, **environ: str) -> Done:
        """Run a fleet command."""
        done = subprocess.run(
            [FLEET, *map(str, words)],
            env={**os.environ, "FLEET_HOME": str(self.folder / "home"), **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def medium(self, plan: Path, folder: Path, version: str = OLD, *words: str | Path) -> Path:
        """Build a medium."""
        self.fleet("media", "build", plan, "-o", folder, "-e", f"version={version}", *words)
        return folder

    def status(self, run: str, expect: int = 0) -> dict[str, Any]:
        """Return what ``fleet status`` tells of a run."""
        done = self.fleet("status", run, "--output", "json", expect=expect)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


@dataclass(frozen=True)
class Alone:
    """A host: a folder for its packages, and the PATH of its shell."""

    folder: Path
    path: str

    def run(self, medium: Path, *words: str | Path, expect: int | None = 0, **environ: str) -> Done:
        """Run the medium's script to its end."""
        done = subprocess.run(
            self.argv(medium, *words),
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        told = f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert expect is None or done.returncode == expect, told
        return done

    def install(self, medium: Path, expect: int | None = 0, **environ: str) -> Done:
        """Install from a medium."""
        return self.run(medium, "--install", "--yes", expect=expect, **environ)

    def argv(self, medium: Path, *words: str | Path) -> list[str]:
        return ["sh", str(medium / "install.sh"), "--host", "store-1", *map(str, words)]

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": self.path, "HOME": str(self.folder.parent), "LANG": "C.UTF-8"}

    @contextlib.contextmanager
    def started(self, medium: Path) -> Iterator[Iterator[str]]:
        """Install, yield what it says line by line, and kill it at the end; watchdogs stay."""
        with subprocess.Popen(
            self.argv(medium, "--install", "--yes"),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout
            try:
                yield iter(process.stdout)
            finally:
                os.killpg(process.pid, signal.SIGKILL)

    def cut(self, medium: Path, at: str) -> None:
        """Install, and cut the power when a line begins so: all ends, the watchdogs as well."""
        with self.started(medium) as told:
            assert any(line.startswith(at) for line in told), f"it said nothing like {at!r}"
        for record in self.folder.glob("state/*/watchdog"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(record.read_text().split()[0]), signal.SIGKILL)

    def active(self) -> dict[str, str]:
        """Return the version of each package that is active; empty: none."""
        found = {}
        for package in PACKAGES:
            link = self.folder / "root" / package / "current"
            found[package] = (link / "VERSION").read_text().strip() if link.exists() else ""
        return found

    def records(self) -> list[list[dict[str, Any]]]:
        """Return what was written down on the host, by run."""
        files = sorted(
            (self.folder / "state/.media").glob("*.jsonl"), key=lambda path: path.stat().st_mtime
        )
        return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]

    def trace(self) -> Iterator[str]:
        """Yield what the hooks left behind."""
        path = self.folder / "root/trace"
        yield from path.read_text().splitlines() if path.exists() else []


def on(version: str) -> dict[str, str]:
    """Return what ``active`` is when all packages have this version."""
    return dict.fromkeys(PACKAGES, version)


def _plan(name: str, inventory: Path, package: dict[str, object]) -> dict[str, object]:
    return {
        "plan": name,
        "vars": {"version": OLD},
        "fleet": {"inventory": str(inventory), "hosts": "stores"},
        "trust": {"allowed_signers": "allowed_signers"},
        "packages": {
            one: {
                "on": "stores",
                "bundle": f"bundles/{one}",
                "version": "{{ version }}",
                "root": "{{ base }}/root",
                "state": "{{ base }}/state",
                "environment": {"SECRET": "the word is 'swordfish'"},
                "hooks": {"post_activate": 'echo "$FLEET_TO" "$SECRET" >>"$FLEET_ROOT/trace"'},
                "pre_checks": [{"disk_space": {"path": "/", "free": "1MiB"}}],
                "validations": [{"script": {"run": "bin/validate", "timeout": "10s"}}],
                **package,
            }
            for one in PACKAGES
        },
        "order": ["db before app"],
        "rollout": {"timeouts": {"validate": "3s", "confirm": "2s"}},
    }
