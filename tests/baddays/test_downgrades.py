"""A host that has confirmed a release takes nothing older unless the plan says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchestrator.bundles.signing import sign
from orchestrator.engines.ssh import keypair
from orchestrator.model.event import Action
from tests.baddays.hosts_site import reason
from tests.baddays.site import NEW, OLD, PACKAGE, Area, Site

pytestmark = pytest.mark.ssh

BETWEEN = "1.0.5"


def test_after_a_rollback_the_mark_stays_where_it_was(area: Area, site: Site) -> None:
    site.bundle(BETWEEN)
    area.apply(NEW)
    area.fleet("rollback", "last", expect=2)
    assert area.versions() == area.all_on(OLD)
    area.apply(OLD)  # what is active already is never a downgrade
    area.apply(BETWEEN, expect=2)
    said = reason(area, area.hosts[0], Action.CHECK)
    assert f"{NEW} was confirmed on this host, {BETWEEN} is lower; set allow_downgrade" in said
    plan = json.loads(area.plan.read_text())
    plan["packages"][PACKAGE]["allow_downgrade"] = True
    area.plan.write_text(json.dumps(plan))
    area.apply(BETWEEN)
    assert area.versions() == area.all_on(BETWEEN)
    for disk in area.disks:
        history = (disk.state / "history.jsonl").read_text()
        entries = [json.loads(line) for line in history.splitlines()]
        [staged, activated] = [entry for entry in entries if entry["at"] == "downgrade"]
        assert (staged["op"], activated["op"]) == ("stage", "activate")
        assert "@" in staged["owner"]
        assert staged["below"].startswith(f"{NEW} of ")


def test_a_plan_may_demand_two_signers(site: Site, old: Area, tmp_path: Path) -> None:
    area = site.area("two-signers", like=old, package={"threshold": 2})
    assert (
        f"signed by 1 of the 2 signers that package '{PACKAGE}' needs: release@example.org"
        in area.apply(NEW, expect=6).stderr
    )
    folder = tmp_path / f"{PACKAGE}-{NEW}"
    shutil.copytree(site.bundles / f"{PACKAGE}-{NEW}", folder)
    public = keypair.write_new(tmp_path / "second", "second")
    sign(folder, tmp_path / "second")
    trust = tmp_path / "trust"
    line = f'second@example.org namespaces="fleet-bundle" {public}\n'
    trust.write_text(site.trust.read_text() + line)
    area.plan.write_text(area.plan.read_text().replace(str(site.bundles), str(tmp_path)))
    area.apply(NEW, "--trust", str(trust))
    assert area.versions() == area.all_on(NEW)
