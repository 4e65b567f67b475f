"""``docs/sources.md`` is true: its commands are run, its index is read."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from orchestrator.bundles.sources import index
from orchestrator.planfile import Kinds, load
from tests.docs.console import Shell, a_persons, commands
from tests.docs.tables import Page

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs/sources.md").read_text("utf-8")


@pytest.mark.slow
def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Shell(tmp_path, a_persons(tmp_path)) as shell:
        for command in commands(TEXT.replace("8471", str(port))):
            printed, code = shell.run(command.text)
            told = f"line {command.line}: $ {command.text}\n{printed}"
            assert code == 0, f"exit {code}: {told}"
            assert command.prints(printed), told


def test_the_index_is_one() -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    (entry,) = index.read_entries(block.encode(), "https://example.org/store/hello")
    assert entry.offer.version == "1.0.0"
    assert entry.offer.place == "https://example.org/store/hello/hello-1.0.0-4f2c8d1e9a70.fleet"


@pytest.mark.parametrize("row", Page(TEXT).rows("bundle:", "source"))
def test_the_kinds_of_sources_can_be_written(row: dict[str, str], tmp_path: Path) -> None:
    plan = tmp_path / "plan.yml"
    plan.write_text(
        "plan: x\nfleet: {inventory: hosts}\n"
        f"packages:\n  app:\n    on: all\n    bundle: {row['bundle:']}\n"
    )
    assert load(plan, Kinds({}, {}, {})).packages[0].bundle.git is row["bundle:"].startswith("{git")
