"""Vagrant reads the Vagrantfile, and its machines are those of the inventory beside it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.inventory import load as load_inventory
from tests.machine import lacking

FOLDER = Path(__file__).parents[1] / "vagrant"
MISSING = bool(lacking({"vagrant": "vagrant"}))


@pytest.mark.skipif(
    MISSING and not os.environ.get("CI"),
    reason="Vagrant is missing: where Debian has it, `make test` as root installs it",
)
def test_vagrant_finds_nothing_wrong(tmp_path: Path) -> None:
    """With a stand-in for VirtualBox, whose version is all that is asked for."""
    shutil.copytree(FOLDER, tmp_path / "fleet", ignore=shutil.ignore_patterns("keys", ".vagrant"))
    box = tmp_path / "bin" / "VBoxManage"
    box.parent.mkdir()
    box.write_text("#!/bin/sh\necho 7.0.10r158379\n")
    box.chmod(0o755)
    done = subprocess.run(
        ["vagrant", "validate"],
        cwd=tmp_path / "fleet",
        env={
            "PATH": f"{box.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "VAGRANT_HOME": str(tmp_path / "home"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "validated successfully" in done.stdout


def test_it_makes_the_machines_of_its_inventory() -> None:
    inventory = load_inventory([str(FOLDER / "inventory.yml")])
    hosts = {host.name: host.endpoint.address for host in inventory.hosts}
    made = re.findall(r'"(\w+)" => "([\d.]+)"', (FOLDER / "Vagrantfile").read_text())
    assert dict(made) == hosts
