"""A healthy host with every trigger, watched for ten minutes: none may fire.

As root, on this machine:  python -m bench.triggers [minutes]
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from orchestrator.lab.lab import Lab
from orchestrator.lab.spec import LabKind
from tests.baddays.site import Site
from tests.labs import ssh

UNIT = b"[Service]\nExecStart=/bin/sleep infinity\n"
HEALTHY = b"#!/bin/sh\necho fine\n"
TRIGGERS = [
    "boot_failure",
    {"service_health": {"services": "app.service", "interval": "5s"}},
    {"system_metrics": {"interval": "5s"}},
    {"system_metrics": {"disk": "99%", "load": "200", "interval": "5s"}},
    {"app_validation": {"script": "bin/healthy", "interval": "5s"}},
    {"connectivity": {"to": "127.0.0.1:22", "interval": "5s"}},
]


def main(minutes: str = "10") -> None:
    """Watch a host for so long, and print what its triggers said."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab.up(Path(folder) / "lab", 1, kind=LabKind.MACHINE)
        try:
            print(json.dumps(watched(Site(lab, Path(folder)), minutes), indent=2))
        finally:
            lab.down()


def watched(site: Site, minutes: str) -> dict[str, object]:
    """Apply a release whose wave bakes, and return how that ended and what the host recorded."""
    files = {"app.service": UNIT, "bin/healthy": HEALTHY}
    site.bundle("1.0.0", files)
    site.bundle("1.1.0", files)
    restart = ["ln -sfn $FLEET_CURRENT/app.service /etc/systemd/system/app.service", "app"]
    package = {"triggers": TRIGGERS, "restart": restart, "trial": {"deadline": "20m"}}
    bakes = [{"name": "everyone", "bake": f"{minutes}m"}]
    area = site.area("healthy", hosts=1, package=package, cohorts=bakes, commit="wave")
    [host] = site.lab.hosts
    done = area.fleet(
        "apply", area.plan, "-e", "version=1.1.0", timeout=60 * float(minutes) + 300, expect=None
    )
    record = ssh(site.lab, host, "cat /var/lib/fleet/healthy/app/triggers").stdout.decode()
    ends = ssh(site.lab, host, "grep -c watchdog /var/lib/fleet/healthy/app/history.jsonl")
    return {
        "minutes": float(minutes),
        "exit": done.returncode,
        "went_back": int(ends.stdout or 0),
        "said": record.splitlines(),
        "recap": done.stdout.splitlines()[-3:],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
