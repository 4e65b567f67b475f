"""What local changes mean under each policy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.host.drift import Changes, damaged, judged, standing, weigh
from orchestrator.host.replies import Drift
from orchestrator.model.bundle import FolderEntry
from orchestrator.model.keeping import DriftPolicy, OnDrift
from tests.host.scripted import CURRENT, NEW, OUTDATED, entry, manifest

FAIL, KEEP, OVERWRITE = DriftPolicy
DRIFT = Drift("much differs", modified=("etc/a",), missing=("bin/run",), wrong_mode=("etc/b",))
MIXED = OnDrift(FAIL, (("etc/a", KEEP), ("*", OVERWRITE)))


@pytest.mark.parametrize(
    ("policy", "failing", "kept", "mended"),
    [
        (OnDrift(FAIL), ("bin/run", "etc/a", "etc/b"), (), ()),
        (OnDrift(KEEP), (), ("etc/a", "etc/b"), ("bin/run",)),
        (OnDrift(OVERWRITE), (), (), ("bin/run", "etc/a", "etc/b")),
        (MIXED, (), ("etc/a",), ("bin/run", "etc/b")),
        (OnDrift(FAIL, (("etc/*", KEEP),)), ("bin/run",), ("etc/a", "etc/b"), ()),
    ],
)
def test_the_table(
    policy: OnDrift, failing: tuple[str, ...], kept: tuple[str, ...], mended: tuple[str, ...]
) -> None:
    found = weigh(policy, replace(OUTDATED, drift=DRIFT))
    assert (found.failing, found.kept, found.mended) == (failing, kept, mended)
    assert found.objects is bool(failing)
    assert found.mends is (not failing and bool(mended))


def test_what_is_not_listed_can_only_be_overwritten_as_a_whole() -> None:
    probe = replace(OUTDATED, drift=Drift("its manifest is missing", listed=False))
    assert weigh(OnDrift(FAIL), probe).objects
    assert weigh(OnDrift(KEEP), probe).objects
    assert weigh(MIXED, probe).objects
    assert weigh(OnDrift(OVERWRITE), probe).mends
    assert weigh(OnDrift(OVERWRITE), probe).changes == Changes(overwrite_all=True)


def test_a_kept_file_under_another_policy_is_drift_again() -> None:
    probe = replace(CURRENT, kept=("etc/a",))
    assert judged(OnDrift(KEEP), probe, NEW.release) == probe
    for policy in (FAIL, OVERWRITE):
        found = judged(OnDrift(policy), probe, NEW.release)
        assert not found.proved
        assert found.proof == "etc/a: the host's own, and to be kept no longer"
    assert weigh(OnDrift(OVERWRITE), probe).mended == ("etc/a",)


def test_changes_that_may_stay_count_as_proved() -> None:
    drift = replace(DRIFT, missing=())
    probe = replace(CURRENT, proved=False, proof="etc/a is modified", drift=drift)
    found = judged(OnDrift(KEEP), probe, NEW.release)
    assert (found.proved, found.kept) == (True, ("etc/a", "etc/b"))
    gone = replace(probe, drift=DRIFT)
    assert not judged(OnDrift(KEEP), gone, NEW.release).proved
    assert not judged(MIXED, probe, NEW.release).proved
    unlisted = replace(probe, drift=Drift("many", listed=False))
    assert not judged(OnDrift(KEEP), unlisted, NEW.release).proved


def test_what_may_differ_while_a_release_is_active() -> None:
    made = replace(manifest(files=[entry("etc/a"), entry("bin/run")]), folders=(_folder("etc/d"),))
    assert standing(OnDrift(OVERWRITE), made) == Changes()
    assert standing(OnDrift(KEEP), made) == Changes(keep_all=True)
    assert standing(OnDrift(FAIL, (("etc/*", KEEP),)), made) == Changes(keep=("etc/a", "etc/d"))
    assert standing(OnDrift(FAIL, (("etc", KEEP),)), made) == Changes(keep=("etc",))


def test_files_below_a_damaged_folder_are_damaged() -> None:
    made = manifest(files=[entry("lib/x/y"), entry("lib/z"), entry("libx")])
    assert damaged(made, ["lib/x"]) == {"lib/x/y"}
    assert damaged(made, ["lib", "no/such"]) == {"lib/x/y", "lib/z"}
    assert damaged(made, None) == {"lib/x/y", "lib/z", "libx"}


def _folder(path: str) -> FolderEntry:
    return FolderEntry(path, 0o755)
