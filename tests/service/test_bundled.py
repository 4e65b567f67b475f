"""Scripts that a plan names are in the release, or the plan is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from orchestrator.errors import PlanError, Position
from orchestrator.host.work import PackageWork
from orchestrator.model.bundle import FileEntry, LinkEntry, Manifest
from orchestrator.model.plan import Origin, Package, Use
from orchestrator.schema import BundlePath, option
from orchestrator.service.bundled import expect_files

PLACE = Position("plan.yml", 7, 9)
FILES = tuple(
    FileEntry(path, mode, 1, "0" * 64)
    for path, mode in [("bin/validate", 0o755), ("README", 0o644), ("tools/v2/ask", 0o700)]
)
LINKS = (
    LinkEntry("check", "bin/validate"),
    LinkEntry("tools/latest", "v2"),
    LinkEntry("ask", "./tools/latest/../latest/ask"),
    LinkEntry("round", "round"),
    LinkEntry("kept", "data/x"),
)
MANIFEST = Manifest(
    "d" * 64, "app", "1.0.0", 1, "2026-01-01T00:00:00Z", "l" * 64, FILES, LINKS, shared=("data",)
)


@dataclass(frozen=True)
class Asks:
    """A kind with a script."""

    run: str = option(BundlePath(), "Script.")


def judge(path: str, key: str = "validations") -> None:
    uses = (Use("asks", (("run", path),), PLACE),)
    package = replace(Package("app", "all", Origin("b")), **{key: uses})  # type: ignore[arg-type]
    work = PackageWork(package, MANIFEST, "", ())
    expect_files([work], validations={"asks": Asks}, triggers={"asks": Asks})


@pytest.mark.parametrize("key", ["validations", "triggers"])
@pytest.mark.parametrize(
    "path",
    ["bin/validate", "check", "tools/latest/ask", "ask", "data/own", "kept", "{{ which }}/ask"],
)
def test_what_the_release_has_or_only_a_host_knows(key, path):
    judge(path, key)


@pytest.mark.parametrize("key", ["validations", "triggers"])
@pytest.mark.parametrize(
    ("path", "flaw"),
    [
        ("bin/valdiate", "has no file 'bin/valdiate'; did you mean 'bin/validate'?"),
        ("nothing", "has no file 'nothing'; name one that it has"),
        ("bin", "has no file 'bin'; name one that it has"),
        ("round", "has no file 'round'; name one that it has"),
    ],
)
def test_what_is_missing_is_told_with_its_place(key, path, flaw):
    with pytest.raises(PlanError) as caught:
        judge(path, key)
    where = f"plan.yml:7:9: packages.app.{key}[0].asks"
    assert str(caught.value) == f"{where}: the bundle of app 1.0.0 {flaw}"


def test_what_cannot_be_executed_is_told():
    with pytest.raises(PlanError, match=r"'README' in the bundle of app 1\.0\.0 is not executable"):
        judge("README")


def test_a_check_before_staging_is_passed_over():
    judge("nothing", "pre_checks")
