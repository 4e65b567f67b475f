"""What a run costs the ops box, beside plain asyncssh: one connect and one exec for each host.

    python bench/speed.py [--hosts 100] [--forks 50] [--times 3] [--folder DIR]

A lab of real sshd hosts on this machine, and the ``fleet`` command as people use it. Every
measurement is a process of its own: its wall time, the CPU that it and nobody else used (user and
system), its peak memory. See bench/README.md for what the columns mean.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml

HERE = Path(__file__).parent
FLEET = (sys.executable, "-c", "from orchestrator.cli.main import run; run()")
PLAIN = (sys.executable, str(HERE / "plain_loop.py"))
UNTAR = 'rm -rf "$HOME/plain" && mkdir "$HOME/plain" && tar -xzf - -C "$HOME/plain"'
FILES = 200
FILE_SIZE = 25_000
MIB = 1 << 20

PLAN = """\
plan: speed
fleet: {inventory: lab/inventory.yml, hosts: lab}
trust: {allowed_signers: allowed_signers}
packages:
  app: {on: lab, bundle: bundles, version: 1.0.0}
"""


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds of wall time and of CPU, peak memory in bytes."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Scenario:
    """Commands that do the same to the fleet; ``prepare`` is called before each measurement."""

    name: str
    fleet: tuple[str, ...]
    plain: tuple[str, ...]
    stdin: Path
    prepare: Callable[[], None]


class Site:
    """A lab, a signed bundle, a plan, and the plain loop's list of hosts, in one folder."""

    def __init__(self, folder: Path, hosts: int, forks: int) -> None:
        self.folder = folder
        self.plan = folder / "plan.yml"
        self.home = folder / "home"
        self.forks = forks
        self._fleet("lab", "--dir", "lab", "up", "--hosts", str(hosts), "--kind", "sshd")
        lab = yaml.safe_load((folder / "lab/inventory.yml").read_text())["lab"]
        self._hosts = lab["hosts"].values()
        self._write_hosts(lab["vars"])
        self._write_bundle()
        self.plan.write_text(PLAN)

    def close(self) -> None:
        """End the lab."""
        self._fleet("lab", "--dir", "lab", "down")

    def fresh(self) -> None:
        """Take everything that fleet has ever put on the hosts off again, and its own memory."""
        shutil.rmtree(self.home, ignore_errors=True)
        for host in self._hosts:
            for place in (host["fleet_root"], host["fleet_state"]):
                shutil.rmtree(place)
                Path(place).mkdir()

    def measure(self, command: Sequence[str], stdin: Path = Path(os.devnull)) -> Cost:
        """Return what a command costs; it has to succeed."""
        began = time.perf_counter()
        with stdin.open("rb") as given, (self.folder / "said").open("w+b") as said:
            process = subprocess.Popen(
                command, stdin=given, stdout=said, stderr=said, cwd=self.folder, env=self._env
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            if process.returncode != 0:
                sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{said.read().decode()}")
        wall = time.perf_counter() - began
        return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)

    @property
    def _env(self) -> dict[str, str]:
        return os.environ | {"FLEET_HOME": str(self.home), "PYTHONPATH": str(HERE.parent)}

    def _fleet(self, *arguments: str) -> None:
        self.measure([*FLEET, *arguments])

    def _write_hosts(self, common: dict[str, str]) -> None:
        known = common["ansible_ssh_common_args"].partition("UserKnownHostsFile=")[2]
        document: dict[str, object] = {
            "addresses": [host["ansible_host"] for host in self._hosts],
            "port": common["ansible_port"],
            "user": common["ansible_user"],
            "key": common["ansible_ssh_private_key_file"],
            "known_hosts": known,
            "parallel": self.forks,
        }
        (self.folder / "hosts.json").write_text(json.dumps(document))

    def _write_bundle(self) -> None:
        """Build and sign 200 files, half of them text, and pack the same for the plain loop."""
        source, key = self.folder / "source", self.folder / "key"
        chance = random.Random(1)
        words = [f"word{number}" for number in range(2000)]
        for number in range(FILES):
            file = source / "content" / f"part{number % 10}" / f"file{number:03}"
            file.parent.mkdir(parents=True, exist_ok=True)
            text = " ".join(chance.choices(words, k=FILE_SIZE // 5)).encode()
            file.write_bytes((text if number % 2 else chance.randbytes(FILE_SIZE))[:FILE_SIZE])
        (source / "bundle.yml").write_text("package: app\nversion: 1.0.0\n")
        self.measure(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
        public = key.with_suffix(".pub").read_text()
        (self.folder / "allowed_signers").write_text(f'bench namespaces="fleet-bundle" {public}')
        self._fleet("bundle", "build", "source", "-o", "bundles")
        self._fleet("bundle", "sign", "bundles/app-1.0.0", "-k", str(key))
        self.measure(["tar", "-czf", "content.tar.gz", "-C", "source/content", "."])


@contextmanager
def site(folder: Path | None, hosts: int, forks: int) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made = Site(Path(place), hosts, forks)
        try:
            yield made
        finally:
            made.close()


def scenarios(made: Site) -> Iterator[Scenario]:
    """Yield them in the order in which they find the fleet as they need it."""
    apply = (*FLEET, "apply", str(made.plan), "--forks", str(made.forks))
    nothing, packed = Path(os.devnull), made.folder / "content.tar.gz"
    yield Scenario("probe (--check)", (*apply, "--check"), ("true",), nothing, made.fresh)
    yield Scenario("release from scratch", apply, (UNTAR,), packed, made.fresh)
    yield Scenario("the same plan again", apply, ("true",), nothing, lambda: None)


def medians(costs: Sequence[Cost]) -> Cost:
    return Cost(
        median(cost.wall for cost in costs),
        median(cost.cpu for cost in costs),
        median(cost.memory for cost in costs),
    )


def compare(made: Site, scenario: Scenario, times: int) -> tuple[Cost, Cost, Cost]:
    """Return the costs of the plain loop, of fleet, and of fleet with one host alone."""
    plain, alone, ours = [], [], []
    for _ in range(times):
        command = (*PLAIN, "hosts.json", *scenario.plain)
        plain.append(made.measure(command, scenario.stdin))
        scenario.prepare()
        alone.append(made.measure((*scenario.fleet, "--limit", "h001")))
        scenario.prepare()
        ours.append(made.measure(scenario.fleet))
    return medians(plain), medians(ours), medians(alone)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--forks", type=int, default=50)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="Where lab and files go for the time being.")
    given = parser.parse_args()
    with site(given.folder, given.hosts, given.forks) as made:
        print(
            f"{given.hosts} hosts, {given.forks} at once, median of {given.times}, load average "
            f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
            f"{'':22} {'wall s':>15} {'CPU s':>15} {'':>6} {'peak MiB':>15} {'MiB a host':>10}\n"
            f"{'':22} {'plain':>7} {'fleet':>7} {'plain':>7} {'fleet':>7} {'ratio':>6} "
            f"{'plain':>7} {'fleet':>7} {'in flight':>10}"
        )
        for scenario in scenarios(made):
            plain, ours, alone = compare(made, scenario, given.times)
            each = (ours.memory - alone.memory) / min(given.forks, given.hosts) / MIB
            print(
                f"{scenario.name:22} {plain.wall:7.2f} {ours.wall:7.2f} "
                f"{plain.cpu:7.2f} {ours.cpu:7.2f} {ours.cpu / plain.cpu:5.1f}x "
                f"{plain.memory / MIB:7.0f} {ours.memory / MIB:7.0f} {each:10.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
