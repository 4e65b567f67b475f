"""``docs/hooks.md`` is true: its tables and its plan are held against the code."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.host.rendering import HOOKS
from orchestrator.host.services import Service, Verb
from orchestrator.model.plan import Hooks
from tests.docs.tables import Page
from tests.planfile.plans import read

FOLDER = Path(__file__).parents[2]
PAGE = Page((FOLDER / "docs" / "hooks.md").read_text("utf-8"))
PROGRAM = FOLDER / "orchestrator" / "host" / "program" / "hooks.sh"


def test_its_plan_is_one_and_uses_every_hook(tmp_path):
    [document] = re.findall(r"```yaml\n(.*?)```", PAGE.text, re.DOTALL)
    plan = read(tmp_path, f"plan: demo\nfleet: {{inventory: hosts}}\n{document}")
    [package] = plan.packages
    assert all(getattr(package.hooks, name) for name in HOOKS)
    assert package.hooks.timeout == 180
    assert (package.restart, package.reload) == (("gateway.service",), ("nginx.service",))


def test_the_hooks_are_listed_in_their_order():
    rows = PAGE.rows("when", "hook", "runs", "fails")
    assert tuple(row["hook"] for row in rows) == HOOKS
    assert {*HOOKS, "timeout"} == {*Hooks.__dataclass_fields__}


def test_every_variable_is_listed():
    listed = {row["variable"] for row in PAGE.rows("variable", "value")}
    assert listed == set(re.findall(r"\b(FLEET_[A-Z]+)=", PROGRAM.read_text()))


def test_what_an_item_is():
    items = [row["item"].split(" in ")[0] for row in PAGE.rows("item", "what is done")]
    commands = [Service(Verb.RESTART, item).is_command for item in items]
    assert commands == [False, False, True]
