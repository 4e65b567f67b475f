"""What hosts have pinned holds, whatever the ops box trusts; and how it is replaced."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.bundles.signing import sign
from orchestrator.engines.ssh import keypair
from orchestrator.model.event import Action, Result
from tests.baddays.hosts_site import reason, results
from tests.baddays.site import NEW, OLD, PACKAGE, Area

pytestmark = pytest.mark.ssh


def key(folder: Path, name: str) -> str:
    """Make a key pair and return the words of its public half."""
    return keypair.write_new(folder / name, name)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def enrol(area: Area, trust: Path, expect: int = 0) -> str:
    return area.fleet("hosts", "enrol", area.plan, "--trust", trust, expect=expect).stdout


def test_an_ops_box_that_trusts_a_stranger_changes_no_enrolled_host(
    area: Area, tmp_path: Path
) -> None:
    """Its trust file and its bundles are a stranger's, who has no signer's key."""
    ours = write(
        tmp_path / "ours",
        "#fleet serial 1",
        area.site.trust.read_text().strip(),
        f'ann@x namespaces="fleet-trust" {key(tmp_path, "ann")}',
    )
    said = enrol(area, ours)
    assert said.count("  pinned\n") == len(area.hosts)
    assert enrol(area, ours).count("  pinned already\n") == len(area.hosts)

    theirs = write(tmp_path / "theirs", f'eve@x namespaces="fleet-bundle" {key(tmp_path, "eve")}')
    stolen = tmp_path / "bundles"
    shutil.copytree(area.site.bundles / f"{PACKAGE}-{NEW}", stolen / f"{PACKAGE}-{NEW}")
    (stolen / f"{PACKAGE}-{NEW}/manifest.sig").unlink()
    sign(stolen / f"{PACKAGE}-{NEW}", tmp_path / "eve")
    plan = area.plan.read_text()
    area.plan.write_text(plan.replace(str(area.site.bundles), str(stolen)))
    area.apply(NEW, "--trust", str(theirs), expect=2)
    canary = area.hosts[0]
    assert results(area, canary, Action.STAGE) == [Result.FAILED]
    assert "by what is pinned here, its signature does not hold" in reason(
        area, canary, Action.STAGE
    )
    assert area.versions() == area.all_on(OLD)

    usurper = write(
        tmp_path / "usurper",
        "#fleet serial 2",
        f'eve@x namespaces="fleet-bundle,fleet-trust" {(tmp_path / "eve.pub").read_text()}',
    )
    area.fleet("trust", "sign", usurper, "--key", tmp_path / "eve")
    assert "which the pinned trust file does not list for fleet-trust" in enrol(area, usurper, 2)

    area.plan.write_text(plan)
    area.apply(NEW)
    assert area.versions() == area.all_on(NEW)


def test_the_trust_file_is_rotated_by_old_and_new_signers(area: Area, tmp_path: Path) -> None:
    ann, ben = (key(tmp_path, name) for name in ("ann", "ben"))
    bundles = area.site.trust.read_text().strip()
    first = write(
        tmp_path / "first", "#fleet serial 1", bundles, f'ann@x namespaces="fleet-trust" {ann}'
    )
    assert enrol(area, first).count("  pinned\n") == len(area.hosts)
    new = (bundles, f'ben@x namespaces="fleet-trust" {ben}')
    unnumbered = write(tmp_path / "unnumbered", *new)
    done = area.fleet("hosts", "enrol", area.plan, "--trust", unnumbered, expect=6)
    assert "without a serial it could never be replaced; write: #fleet serial 1" in done.stderr
    second = write(tmp_path / "second", "#fleet serial 2", *new)
    assert "another file is pinned, and this one is not signed" in enrol(area, second, 2)
    area.fleet("trust", "sign", second, "--key", tmp_path / "ann")
    assert "second does not list for fleet-trust" in enrol(area, second, 2)  # ben is yet to sign
    area.fleet("trust", "sign", second, "--key", tmp_path / "ben")
    shown = area.fleet("trust", "show", second).stdout
    assert "serial 2, expires never" in shown
    assert "signed by ben@x (SHA256:" in shown
    assert enrol(area, second).count("  replaced what was pinned\n") == len(area.hosts)
    assert "its serial 1 is not above that of the pinned file, 2" in enrol(area, first, 2)
    area.apply(NEW)
    assert area.versions() == area.all_on(NEW)
