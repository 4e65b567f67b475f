"""A range lets fleet choose the version; the policy says which changes go by themselves."""

from __future__ import annotations

import pytest

from tests.releasing.site import Corner, at_terminal

pytestmark = pytest.mark.ssh

RANGE = {"app": {"version": ">=2"}}


def test_a_patch_goes_by_itself(corner: Corner) -> None:
    corner.bundles("app", "2.4.1", "2.4.2")
    corner.write_plan({"app": {"version": "~2.4"}})
    corner.give("app", "2.4.1")
    corner.write_plan({"app": {"version": "~2.4"}})
    corner.apply()
    assert corner.versions() == ["2.4.2"] * 3
    corner.apply()  # nothing is to do, and nothing is asked
    assert corner.agreed() == {}


def test_a_first_installation_goes_by_itself(corner: Corner) -> None:
    corner.bundles("app", "1.0.0", "3.0.0")
    corner.write_plan({"app": {}})
    corner.apply()
    assert corner.versions() == ["3.0.0"] * 3


def test_a_minor_change_asks(corner: Corner) -> None:
    corner.bundles("app", "2.4.1", "2.5.0")
    corner.give("app", "2.4.1", "h001")
    corner.write_plan(RANGE)
    refused = corner.apply(expect=3)
    assert "app: 2.4.1 -> 2.5.0 is a minor change, which needs a yes" in refused.err
    assert refused.err.rstrip().endswith(
        f"nothing was changed; to agree: fleet apply {corner.plan} --output plain --yes"
    )
    assert corner.versions() == ["2.4.1", "", ""]
    assert corner.runs() == 1
    corner.apply("--yes")
    assert corner.versions() == ["2.5.0"] * 3
    assert corner.agreed()["app"].startswith("2.4.1 -> 2.5.0 is a minor change: --yes of ")


@pytest.mark.parametrize(
    ("answer", "code", "version"), [(b"y\n", 0, "2.5.0"), (b"n\n", 3, "2.4.1")]
)
def test_at_a_terminal_it_is_asked(corner: Corner, answer: bytes, code: int, version: str) -> None:
    corner.bundles("app", "2.4.1", "2.5.0")
    corner.give("app", "2.4.1")
    corner.write_plan(RANGE)
    done = at_terminal(answer, "apply", str(corner.plan))
    assert done.code == code
    assert "app: 2.4.1 -> 2.5.0 is a minor change. Apply it? [y/N]" in done.err
    assert corner.versions() == [version] * 3
    if not code:
        assert corner.started().options["approved"] == {"app": "2.5.0"}
        report = (corner.home.reports / f"{corner.started().run}.md").read_text()
        assert "a yes at the terminal of" in report


def test_no_one_is_asked_in_vain(corner: Corner) -> None:
    corner.bundles("app", "2.4.1", "2.5.0")
    corner.bundles("db", "1.0.0", "2.0.0")
    both = {"app": {"version": "2.4.1"}, "db": {"version": "1.0.0"}}
    corner.write_plan(both)
    corner.apply("--limit", "h001")
    corner.write_plan({"app": {}, "db": {}})
    done = at_terminal(b"y\n", "apply", str(corner.plan))
    assert done.code == 3
    assert "Apply it?" not in done.err
    assert "2.4.1 -> 2.5.0 is a minor change, which needs a yes" in done.err
    assert "--yes --approve db=2.0.0" in done.err
    corner.apply("--yes", "--approve", "db=2.0.0", "--limit", "h001")
    assert sorted(corner.agreed()) == ["app", "db"]


def test_a_major_change_needs_its_version(corner: Corner) -> None:
    corner.bundles("app", "2.4.1", "3.0.0")
    corner.give("app", "2.4.1")
    corner.write_plan(RANGE)
    refused = corner.apply("--yes", expect=3)
    assert "app: 2.4.1 -> 3.0.0 is a major change, which needs the approval" in refused.err
    assert refused.err.rstrip().endswith("--yes --approve app=3.0.0")
    wrong = corner.apply("--approve", "app=3.1.0", expect=5)
    assert "what would be applied is 3.0.0" in wrong.err
    unknown = corner.apply("--approve", "ap=3.0.0", expect=5)
    assert "did you mean 'app'?" in unknown.err
    assert corner.versions() == ["2.4.1"] * 3
    corner.apply("--approve", "app=3.0.0")
    assert corner.versions() == ["3.0.0"] * 3
    assert corner.started().options["approved"] == {"app": "3.0.0"}


def test_what_is_critical_goes_further_by_itself(corner: Corner) -> None:
    corner.bundle("app", "2.4.1")
    corner.bundle("app", "2.5.0", urgency="critical", notes="CVE-2026-1")
    corner.give("app", "2.4.1")
    corner.write_plan({"app": {"version": "^2", "policy": {"critical": "patch"}}})
    strict = corner.apply("--check")
    words = "2.4.1 -> 2.5.0 is a critical minor change, which needs a yes\n    | CVE-2026-1\n"
    assert words in strict.out
    assert "would change" in strict.out
    corner.apply(expect=3)
    corner.write_plan({"app": {"version": "^2"}})
    corner.apply()
    assert corner.versions() == ["2.5.0"] * 3


def test_a_range_that_leads_down_is_found_before_anyone_is_asked(corner: Corner) -> None:
    corner.bundles("app", "2.4.1", "2.5.0")
    corner.give("app", "2.5.0")
    corner.write_plan({"app": {"version": "~2.4"}})
    told = corner.apply("--yes", expect=6)
    assert "h001-h003 (3 hosts): 2.5.0 is active, 2.4.1 is lower; set allow_downgrade" in told.err
    corner.write_plan({"app": {"version": "~2.4", "allow_downgrade": True}})
    assert "2.5.0 -> 2.4.1 is a minor change" in corner.apply(expect=3).err


def test_a_version_that_is_named_needs_nothing(corner: Corner) -> None:
    corner.bundles("app", "2.4.1", "3.0.0")
    corner.give("app", "2.4.1")
    corner.give("app", "3.0.0")
    assert corner.versions() == ["3.0.0"] * 3
