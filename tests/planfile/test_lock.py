"""Lock files: written, read, and held against their plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import FleetError, PlanError
from orchestrator.model.lock import Lock, Locked
from orchestrator.model.plan import Origin
from orchestrator.planfile import lock_path, misfits, read_lock, spell_lock, write_lock
from orchestrator.planfile.resolve import resolved_origin
from tests.planfile.plans import MINIMAL, read

DIGEST = "0123456789abcdef" * 4


def lock(folder: Path, **more: object) -> Lock:
    values = {"origin": Origin(str(folder / "bundles/app")), "version": "2.4.3"} | more
    locked = Locked("app", revision=1, digest=DIGEST, **values)  # type: ignore[arg-type]
    return Lock(str(folder / "plan.lock.yml"), (locked,))


def test_where_it_lies():
    assert lock_path(Path("plans/gateway-2.4.yml")) == Path("plans/gateway-2.4.lock.yml")


def test_its_text_is_the_same_everywhere(tmp_path):
    text = spell_lock(lock(tmp_path), tmp_path)
    assert text.splitlines()[1:] == [
        "lock: 1",
        "packages:",
        "  app:",
        '    version: "2.4.3"',
        "    revision: 1",
        f'    digest: "{DIGEST}"',
        '    origin: "./bundles/app"',
    ]
    elsewhere = tmp_path / "other"
    assert spell_lock(lock(elsewhere), elsewhere) == text


@pytest.mark.parametrize(
    ("origin", "spelled"),
    [
        (Origin("/elsewhere/x"), None),
        (Origin("https://store.example.org/x"), '"https://store.example.org/x"'),
        (Origin("some/app", git=True, folder="deploy"), '{"git": "some/app", "folder": "deploy"}'),
        (Origin("https://git.example.org/x", git=True), '{"git": "https://git.example.org/x"}'),
        (Origin("git@example.org:some/app", git=True), '{"git": "git@example.org:some/app"}'),
    ],
)
def test_what_is_written_is_read_again(tmp_path, origin, spelled):
    made = lock(tmp_path, origin=origin)
    path = tmp_path / "plan.lock.yml"
    path.write_text("old")
    write_lock(path, made)
    assert spelled is None or f"origin: {spelled}\n" in path.read_text()
    assert [it.name for it in tmp_path.iterdir()] == ["plan.lock.yml"]
    [found] = read_lock(path).packages
    assert replace(found, origin=resolved_origin(found.origin, tmp_path)) == made.packages[0]


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(FleetError, match=r"nowhere/plan\.lock\.yml: cannot be written: No such"):
        write_lock(tmp_path / "nowhere/plan.lock.yml", lock(tmp_path))


@pytest.mark.parametrize("version", ["", 'version: "^2.4", ', 'version: "2.4.3", '])
def test_a_lock_that_fits(tmp_path, version):
    plan = read(tmp_path, MINIMAL.replace("bundle:", f"{version}bundle:"))
    path = tmp_path / "plan.lock.yml"
    write_lock(path, lock(tmp_path))
    assert misfits(plan, read_lock(path)) == ()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (
            MINIMAL.replace("bundle:", 'version: "^3", bundle:'),
            (
                "plan.lock.yml:4:3: packages.app: locked at 2.4.3, which is not in the plan's '^3'"
                "; write it anew: fleet lock plan.yml"
            ),
        ),
        (
            MINIMAL.replace("bundles/app", "elsewhere"),
            (
                "plan.lock.yml:4:3: packages.app: locked from ./bundles/app, and the plan takes it "
                "from elsewhere; write it anew: fleet lock plan.yml"
            ),
        ),
        (
            MINIMAL.replace("app: {", "apps: {"),
            (
                "plan.yml:4:3: packages.apps: not in the lock plan.lock.yml; "
                "write it anew: fleet lock plan.yml"
            ),
        ),
    ],
)
def test_a_lock_that_does_not_fit(tmp_path, plan, words):
    path = tmp_path / "plan.lock.yml"
    write_lock(path, lock(tmp_path))
    problems = misfits(read(tmp_path, plan), read_lock(path))
    assert words in [str(problem).replace(f"{tmp_path}/", "") for problem in problems]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'lock' is missing"),
        ("lock: 2\npackages: {}\n", "lock: expected a whole number from 1 to 1"),
        ("lock: 1\npackages: {app: {version: 1.0.0}}\n", "'digest' is missing"),
        (f"lock: 1\npackages: {{app: {{digest: {'x' * 64}}}}}\n", "expected a sha256"),
        ("lock: 1\nlcok: 2\n", "no such key: 'lcok'"),
        ("lock: [", "plan.lock.yml:2:1: a value is missing"),
    ],
)
def test_a_lock_that_is_broken(tmp_path, text, words):
    path = tmp_path / "plan.lock.yml"
    path.write_text(text)
    with pytest.raises(PlanError) as caught:
        read_lock(path)
    assert words in str(caught.value)


def test_no_lock_at_all(tmp_path):
    with pytest.raises(PlanError, match=r"plan\.lock\.yml: cannot be read"):
        read_lock(tmp_path / "plan.lock.yml")
