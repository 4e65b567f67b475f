"""``docs/triggers.md`` is true: its tables and its plan are held against the code."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.checks.base import Verdict
from orchestrator.triggers import TRIGGERS
from tests.docs.tables import Page
from tests.planfile.plans import read

PAGE = Page((Path(__file__).parents[2] / "docs" / "triggers.md").read_text("utf-8"))


def test_its_plan_is_one_and_uses_every_kind(tmp_path: Path) -> None:
    [document] = re.findall(r"```yaml\n(.*?)```", PAGE.text, re.DOTALL)
    plan = read(tmp_path, f"plan: demo\nfleet: {{inventory: hosts}}\n{document}")
    [package] = plan.packages
    assert {use.name for use in package.triggers} == set(TRIGGERS)


def test_every_kind_is_listed() -> None:
    rows = PAGE.rows("kind", "says no when", "usually")
    assert [row["kind"].strip("`") for row in rows] == list(TRIGGERS)


def test_the_answers_are_those_of_checks() -> None:
    codes = {row["exit"] for row in PAGE.rows("exit", "answer", "what comes of it")}
    assert {str(int(verdict)) for verdict in Verdict} - codes == {str(int(Verdict.UNKNOWN))}
