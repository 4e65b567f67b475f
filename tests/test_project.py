"""What the project's papers say is true: commands, versions, links, lists."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from orchestrator import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
LOCK = (ROOT / "requirements-dev.lock").read_text()
PAPERS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
CODE = re.compile(r"^```.*?^```|^ {4}[^\n]*|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def normal(name: str) -> str:
    """Return a package's name as PEP 503 spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def made_by(paper: Path) -> set[str]:
    """Return what a paper says to make, in its code."""
    code = "\n".join(CODE.findall(paper.read_text()))
    return set(re.findall(r"^(?:`| *(?:\$ )?)make ([a-z]+)", code, re.MULTILINE))


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_papers_tell_to_make_can_be_made(paper: Path) -> None:
    assert made_by(paper) <= TARGETS


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(paper: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", paper.read_text())
    local = {link for link in links if "://" not in link and not link.startswith("mailto:")}
    assert {link for link in local if not (paper.parent / link).exists()} == set()


def test_readme_names_the_two_commands() -> None:
    assert {"demo", "test"} <= made_by(ROOT / "README.md")


def test_ci_runs_what_check_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make check"
    assert re.search(r"^check: lint test\b", MAKEFILE, re.MULTILINE)


def test_one_version() -> None:
    assert PROJECT["project"]["version"] == __version__
    newest = re.search(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == __version__


def test_one_license() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert re.match(r"\s*Apache License\s+Version 2\.0, January 2004\s", text)
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_the_lock_has_all_that_the_project_asks_for() -> None:
    asked = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    names = {normal(re.split(r"[\s<>=!~\[;]", line, maxsplit=1)[0]) for line in asked}
    assert names <= set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))


def test_the_lock_pins_by_hash_and_names_no_index() -> None:
    pins = re.split(r"\n(?=\S)", LOCK.strip())
    assert [pin for pin in pins if "--hash=sha256:" not in pin] == []
    assert "://" not in LOCK


def test_all_decisions_are_listed() -> None:
    folder = ROOT / "docs" / "adr"
    listed = re.findall(
        r"^\| \[(\d+)\]\(([^)]+)\)", (folder / "README.md").read_text(), re.MULTILINE
    )
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name for _, name in listed] == records
    assert [int(number) for number, _ in listed] == [int(name[:4]) for name in records]
