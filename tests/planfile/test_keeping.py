"""What a host keeps of a package, as plans say it."""

from __future__ import annotations

import pytest

from orchestrator.errors import PlanError
from orchestrator.model.keeping import BackupRetention, Data, DriftPolicy, OnDrift, Retention
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


def test_data(tmp_path):
    written = '{paths: [db, "/srv/{{ x }}"], stop: a.service, freeze: sync, timeout: 1h}'
    meant = Data(("db", "/srv/{{ x }}"), ("a.service",), freeze="sync", timeout=3600)
    assert app(tmp_path, data=written).data == meant
    assert app(tmp_path, data="db").data == Data(("db",))


@pytest.mark.parametrize("path", ["../x", "/a/../b", "/a*", "a//b", '"a\\nb"', "/", "a/."])
def test_what_is_no_path_of_data(tmp_path, path: str):
    with pytest.raises(PlanError, match="expected a path of data"):
        app(tmp_path, data=path)


FAIL, KEEP, OVERWRITE = DriftPolicy


@pytest.mark.parametrize("word", list(DriftPolicy))
def test_one_policy_for_all_local_changes(tmp_path, word: DriftPolicy):
    assert app(tmp_path, on_drift=word).on_drift == OnDrift(word)


def test_the_first_glob_that_fits_decides(tmp_path):
    written = '{"etc/site*": overwrite, "etc/*": keep, "*.conf": fail, default: overwrite}'
    policy = app(tmp_path, on_drift=written).on_drift
    paths = ["etc/site.conf", "etc/app.conf", "etc/d/x", "lib/a.conf", "lib/a", "etc"]
    found = [policy.of(path) for path in paths]
    assert found == [OVERWRITE, KEEP, KEEP, FAIL, OVERWRITE, OVERWRITE]
    assert not policy.everywhere(OVERWRITE)


def test_without_a_default_the_rest_fails(tmp_path):
    policy = app(tmp_path, on_drift='{"etc/*": keep}').on_drift
    assert policy.of("bin/app") is FAIL
    assert policy.anywhere(KEEP)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("forget", "expected one of fail, keep, overwrite"),
        ("[keep]", "expected a policy, or a mapping"),
        ('{"/etc/*": keep}', "not a path inside a release"),
        ('{"../x": keep}', "not a path inside a release"),
    ],
)
def test_what_is_no_policy(tmp_path, written: str, said: str):
    with pytest.raises(PlanError, match=said):
        app(tmp_path, on_drift=written)
