"""What a host keeps of a package, as plans say it."""

from __future__ import annotations

import pytest

from orchestrator.model.keeping import BackupRetention, Retention
from orchestrator.model.plan import Package
from tests.planfile.plans import MINIMAL, read


def app(tmp_path, **keys: str) -> Package:
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    (package,) = read(tmp_path, MINIMAL.replace("bundles/app}", f"bundles/app{more}}}")).packages
    return package


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("4", Retention(4)),
        ("{releases: 4}", Retention(4)),
        ("{age: 30d, free: 2GiB}", Retention(3, age=30 * 86400, free=2 << 30)),
    ],
)
def test_releases(tmp_path, written: str, meant: Retention):
    assert app(tmp_path, keep=written).keep == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [("0", BackupRetention(0)), ("{age: 1h}", BackupRetention(10, age=3600))],
)
def test_backups(tmp_path, written: str, meant: BackupRetention):
    assert app(tmp_path, backups=written).backups == meant
