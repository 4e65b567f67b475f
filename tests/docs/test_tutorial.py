"""The pages that show commands are true: each is run, in its order, by a newcomer's shell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.console import Shell, commands

ROOT = Path(__file__).parent.parent.parent
PAGES = ["README.md", "docs/tutorial.md", "docs/release-policy.md", "docs/ownership.md"]


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of someone who has just installed fleet, with nothing in the home folder."""
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
    }
    yield environment
    # A page that went wrong half-way has left its lab up; one that did not has none any more.
    subprocess.run(["fleet", "lab", "down"], env=environment, capture_output=True, check=False)


@pytest.mark.ssh
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES)
def test_every_command_does_what_the_page_says(page, tmp_path, newcomer):
    shown = commands((ROOT / page).read_text("utf-8"))
    assert shown
    with Shell(tmp_path, newcomer) as shell:
        for command in shown:
            printed, code = shell.run(command.text)
            told = f"{page}:{command.line}: $ {command.text}\n{printed}"
            assert code == 0, f"exit {code}: {told}"
            assert command.prints(printed), told


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a\n…\nb …", "a\nx\ny\nb 3 c\n"),
        ("a\n…\nb …", "a\nb \n"),
        ("", ""),
        ("a", "a  \n"),
    ],
)
def test_what_is_shown_fits(shown, printed):
    (command,) = commands(f"```console\n$ say\n{shown}\n```\n".replace("\n\n", "\n"))
    assert command.prints(printed)


@pytest.mark.parametrize(
    ("shown", "printed"), [("a", "b\n"), ("a", "a\nb\n"), ("a", ""), ("", "a\n"), ("a …", "a\n")]
)
def test_what_is_shown_does_not_fit(shown, printed):
    (command,) = commands(f"```console\n$ say\n{shown}\n```\n".replace("\n\n", "\n"))
    assert not command.prints(printed)
