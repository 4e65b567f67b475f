"""The rules of the house that ruff and mypy do not know: layers, the one clock, short files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "orchestrator"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LONGEST = {"orchestrator": 320, "playbooks": 320, "bench": 320, "tests": 400}
CLOCKS = {
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.strftime",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for an attribute of a name, and nothing for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (parent := dotted(node.value)):
        return f"{parent}.{node.attr}"
    return ""


def imported(tree: ast.AST) -> dict[str, str]:
    """Return what each imported name of a module stands for, as a dotted name."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def clock_readings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines on which Python code uses the wall clock, called or handed on."""
    tree = ast.parse(text)
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, dot, rest = dotted(node).partition(".")
            if (meant := names.get(first, first) + dot + rest) in CLOCKS:
                yield node.lineno, meant


def test_imports_keep_to_the_layers() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_clock_reads_the_wall_clock() -> None:
    readings = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in SOURCES
        if path != PACKAGE / "clock.py"
        for line, what in clock_readings(path.read_text())
    ]
    assert readings == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\nprint(time.time())",
        "from time import time as now\nlater = now() + 1",
        "import datetime as d\nd.datetime.now()",
        "from datetime import datetime\nread = datetime.now",
        "from datetime import date\ndate.today()",
    ],
)
def test_every_spelling_of_the_wall_clock_is_found(text: str) -> None:
    assert [line for line, _ in clock_readings(text)] == [2]


def test_other_clocks_and_conversions_are_let_through() -> None:
    text = "import time\nfrom datetime import datetime\n"
    text += "time.monotonic()\ndatetime.fromtimestamp(0)\nself.clock.now()\n"
    assert list(clock_readings(text)) == []


@pytest.mark.parametrize("room", LONGEST)
def test_files_are_short(room: str) -> None:
    files = [path for kind in ("*.py", "*.sh") for path in (ROOT / room).rglob(kind)]
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in files}
    assert {path: n for path, n in lengths.items() if n > LONGEST[room]} == {}
