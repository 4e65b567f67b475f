"""``docs/lab.md`` is true: its commands are run, its kinds and verbs are all there are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orchestrator.cli.lab import lab
from orchestrator.lab.openssh import default_cache
from orchestrator.lab.spec import LabKind
from tests.docs.console import Shell, commands
from tests.docs.tables import Page

TEXT = (Path(__file__).parents[2] / "docs/lab.md").read_text("utf-8")


@pytest.mark.machine
def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "FLEET_HOME": str(tmp_path / "fleet"),
        "XDG_CACHE_HOME": str(default_cache().parents[1]),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
    }
    with Shell(tmp_path, environ) as shell:
        for command in commands(TEXT):
            printed, code = shell.run(command.text)
            told = f"line {command.line}: $ {command.text}\n{printed}"
            assert code == 0, f"exit {code}: {told}"
            assert command.prints(printed), told


def test_it_names_all_kinds_and_all_verbs() -> None:
    page = Page(TEXT)
    assert [row["kind"] for row in page.rows("kind", "a host is", "needs")] == [*LabKind]
    verbs = [row["verb"] for row in page.rows("verb", "sshd, embedded", "machine")]
    assert sorted(verbs) == sorted(lab.commands)
