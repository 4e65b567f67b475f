"""A large bundle to many hosts, cut off at half, and the rest of it.

    python bench/transfer.py [--hosts 20] [--megabytes 2000] [--forks 4] [--folder DIR]

Real sshd hosts on this machine, the real ``fleet`` command, content that does not compress. First
all hosts are sent to at once, until half has arrived and their network is cut; then the same plan
is applied again, to so many hosts at a time as ``--forks`` says: a host needs the bundle's size
twice while it is staged. See bench/README.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.home import Home
from orchestrator.lab.lab import Lab
from orchestrator.lab.spec import LabKind
from orchestrator.model.event import Action, ActionEnded

FLEET = (sys.executable, "-c", "from orchestrator.cli.main import run; run()")
MB = 1_000_000
PIECE = 100 * MB
PLAN = """\
plan: transfer
fleet: {inventory: lab/inventory.yml, hosts: lab}
trust: {allowed_signers: allowed_signers}
packages:
  app: {on: lab, bundle: bundles, trial: 2h}
rollout:
  timeouts: {check: 10m, stage: 1h, activate: 20m, validate: 10m, confirm: 20m, silent: 10s}
  retries: {attempts: 1, backoff: 100ms}
"""


@dataclass(frozen=True)
class Seen:
    """Of one command: its exit code, seconds, bytes of memory at its peak, bytes that arrived."""

    code: int
    wall: float
    cpu: float
    memory: int
    arrived: int


class Site:
    """A lab, a signed bundle and a plan in one folder."""

    def __init__(self, folder: Path, hosts: int, size: int) -> None:
        self.folder = folder
        self.size = size
        self.lab = Lab.up(folder / "lab", hosts, kind=LabKind.SSHD)
        (folder / "plan.yml").write_text(PLAN)
        source = folder / "source"
        (source / "content").mkdir(parents=True)
        for start in range(0, size, PIECE):
            piece = source / "content" / f"part{start // PIECE:03}"
            with piece.open("wb") as file:
                for _ in range(0, min(PIECE, size - start), MB):
                    file.write(os.urandom(MB))
        (source / "bundle.yml").write_text("package: app\nversion: 1.0.0\n")
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        public = key.with_suffix(".pub").read_text()
        (folder / "allowed_signers").write_text(f'bench namespaces="fleet-bundle" {public}')
        for words in (
            ("build", "source", "-o", "bundles"),
            ("sign", "bundles/app-1.0.0", "-k", "key"),
        ):
            subprocess.run([*FLEET, "bundle", *words], cwd=folder, env=self.env, check=True)
        shutil.rmtree(source)

    @property
    def env(self) -> dict[str, str]:
        """The environment of the commands."""
        here = str(Path(__file__).parent.parent)
        return os.environ | {"FLEET_HOME": str(self.folder / "home"), "PYTHONPATH": here}

    def arrived(self) -> int:
        """Return how many bytes all hosts together have of the payload."""
        parts = (part for host in self.lab.hosts for part in host.state.glob("app/incoming/*"))
        return sum(part.stat().st_size for part in parts)

    def apply(self, forks: int, *, until: int = 0) -> Seen:
        """Apply the plan; ``until`` so many bytes have arrived, when the network is cut."""
        began = time.perf_counter()
        command = [*FLEET, "apply", "plan.yml", "--forks", str(forks), "--yes"]
        with (self.folder / "said").open("w") as said:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdout=said, stderr=said
            )
            cut = 0
            while until and process.poll() is None and (cut := self.arrived()) < until:
                time.sleep(0.2)
            wall = time.perf_counter() - began
            if until:
                self.lab.cut(*(host.name for host in self.lab.hosts))
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = wall if until else time.perf_counter() - began
        cpu = used.ru_utime + used.ru_stime
        return Seen(process.returncode, wall, cpu, used.ru_maxrss * 1024, cut)

    def sent(self) -> int:
        """Return how many bytes the last run says that it sent."""
        with closing(Home(self.folder / "home").open_journal()) as journal:
            events = [it.event for it in journal.events(journal.find_run("last"))]
        ended = (e for e in events if isinstance(e, ActionEnded) and e.action is Action.STAGE)
        return sum(int(str(event.facts.get("sent", 0))) for event in ended)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--forks", type=int, default=4, help="Hosts at once after the cut.")
    parser.add_argument("--folder", type=Path, help="Where lab and files go for the time being.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        site = Site(Path(place), given.hosts, given.megabytes * MB)
        try:
            report(site, given.hosts, given.forks)
        finally:
            site.lab.down()


def report(site: Site, hosts: int, forks: int) -> None:
    """Run both parts and print what they took."""
    whole = hosts * site.size
    first = site.apply(hosts, until=whole // 2)
    there = site.arrived()
    print(
        f"cut at half: {first.arrived / 1e9:.2f} of {whole / 1e9:.2f} GB to {hosts} hosts at once "
        f"in {first.wall:.0f} s, {first.arrived / first.wall / 1e6:.0f} MB/s; exit {first.code}; "
        f"controller: peak {first.memory / 1e6:.0f} MB, {first.cpu:.0f} s CPU",
        flush=True,
    )
    site.lab.restore(*(host.name for host in site.lab.hosts))
    second = site.apply(forks)
    sent = site.sent()
    print(
        f"the rest: {sent / 1e9:.2f} GB sent ({there / 1e9:.2f} GB were there), {forks} hosts at "
        f"once, all of the release in {second.wall:.0f} s; exit {second.code}; "
        f"controller: peak {second.memory / 1e6:.0f} MB, {second.cpu:.0f} s CPU"
    )
    if second.code:
        print((site.folder / "said").read_text()[-2000:])
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    main()
