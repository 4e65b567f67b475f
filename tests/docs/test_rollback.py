"""``docs/rollback.md`` is true: its commands are run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.console import Shell, a_persons, commands

TEXT = (Path(__file__).parent.parent.parent / "docs/rollback.md").read_text("utf-8")


@pytest.mark.slow
def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    with Shell(tmp_path, a_persons(tmp_path)) as shell:
        for command in commands(TEXT):
            printed, code = shell.run(command.text)
            told = f"line {command.line}: $ {command.text}\n{printed}"
            assert code == 0, f"exit {code}: {told}"
            assert command.prints(printed), told
