"""What is denied after a rollback: what hosts had got and gave back, and nothing that they run."""

from __future__ import annotations

import pytest

from tests.releasing.site import Corner

pytestmark = pytest.mark.ssh


def denied(corner: Corner) -> list[tuple[str, str]]:
    with corner.home.open_journal() as journal:
        digests = [target.manifest for target in corner.started().targets]
        return [(item.package, item.version) for item in journal.denied(digests)]


def test_a_package_that_the_run_left_alone_is_not_denied(corner: Corner) -> None:
    corner.bundles("lib", "1.0.0")
    corner.give("lib", "1.0.0")
    corner.bundles("app", "2.0.0")
    corner.write_plan({"lib": {"version": "1.0.0"}, "app": {"version": "2.0.0"}})
    corner.apply()
    corner.fleet("rollback", "last", expect=2)
    assert denied(corner) == [("app", "2.0.0")]


def test_a_release_that_was_only_mended_is_not_denied(corner: Corner) -> None:
    corner.bundles("app", "1.0.0")
    corner.give("app", "1.0.0")
    managed = corner.lab.hosts[0].root / corner.name / "app/current/VERSION"
    managed.write_text("changed\n")
    corner.write_plan({"app": {"version": "1.0.0", "on_drift": "overwrite"}})
    corner.apply()
    assert managed.read_text() == "1.0.0\n"
    corner.fleet("rollback", "last", expect=2)
    assert denied(corner) == []
    corner.apply()
    assert corner.versions() == ["1.0.0"] * 3
