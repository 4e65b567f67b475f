"""``docs/recovery.md`` is true: its commands are run, its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.doctor import Area
from orchestrator.host.actions import BROUGHT, BY_DETOUR, PROVES_ITSELF
from orchestrator.model.event import Action
from tests.docs.console import Shell, a_persons, commands
from tests.docs.tables import Page

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs/recovery.md").read_text("utf-8")


@pytest.mark.slow
def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    with Shell(tmp_path, a_persons(tmp_path)) as shell:
        try:
            for command in commands(TEXT):
                printed, code = shell.run(command.text)
                told = f"line {command.line}: $ {command.text}\n{printed}"
                assert code == 0, f"exit {code}: {told}"
                assert command.prints(printed), told
        finally:
            shell.run("fleet lab down")


def test_every_area_has_its_line() -> None:
    rows = Page(TEXT).rows("area", "what is looked at", "what it names")
    assert ", ".join(row["area"] for row in rows).split(", ") == list(Area)


def test_the_actions_that_go_by_a_recovery_address() -> None:
    _, *rows = Page(TEXT).rows("what", "by the recovery address", "with restore --factory")
    named = [({*Action} & {*re.findall("[a-z]+", row["what"])}, row) for row in rows]

    def said(column: str, words: str) -> set[Action]:
        return {it for actions, row in named if row[column].startswith(words) for it in actions}

    assert set().union(*(actions for actions, _ in named)) == {*Action}
    assert said("by the recovery address", "yes") == BY_DETOUR
    assert said("by the recovery address", "no: the release has failed") == PROVES_ITSELF
    assert said("with restore --factory", "yes") == BY_DETOUR | BROUGHT
    assert said("with restore --factory", "no, but") == PROVES_ITSELF - BROUGHT
