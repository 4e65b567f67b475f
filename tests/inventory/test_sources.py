"""Kinds of sources: each is told apart, and what we cannot read is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InventoryError
from orchestrator.inventory import load
from orchestrator.inventory.location import Location
from orchestrator.inventory.sources import SOURCES


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("hosts", "[web]\nweb1\n", "ini"),
        ("hosts", "web1:22 a='b: c'\n", "ini"),
        ("hosts", "; note: this is a comment\nweb1\n", "ini"),
        ("hosts.ini", "web:\n", "ini"),
        ("hosts", "# comment\n\nweb:\n  hosts:\n", "yaml"),
        ("hosts", "---\nweb: {}\n", "yaml"),
        ("hosts", '{"web": {}}', "yaml"),
        ("hosts.json", "{}", "yaml"),
        ("hosts.toml", "", "unsupported"),
        ("one,two", "[file]\n", "ini"),
    ],
)
def test_files_are_told_apart(write, name, text, kind):
    location = Location(write(name, text))
    assert next(name for name, source in SOURCES.items() if source.accepts(location)) == kind


def test_lists_and_folders_are_told_apart(write):
    write("folder/hosts", "one\n")
    kinds = {
        text: next(name for name, source in SOURCES.items() if source.accepts(Location(text)))
        for text in ("one,", "folder")
    }
    assert kinds == {"one,": "hosts", "folder": "folder"}


@pytest.mark.parametrize(
    "name",
    [
        ".hidden", "a.orig", "a.bak", "a.cfg", "a.retry", "a.pyc", "a.pyo", "a.swp", "a.rpm",
        "a.md", "a.txt", "a.rst", "a~", "group_vars", "host_vars", "vars_plugins",
    ],
)  # fmt: skip
def test_folders_pass_over_what_is_no_inventory(write, name):
    write("folder/hosts", "one\n")
    write("folder/hosts.d/more", "two\n")
    write(f"folder/{name}", "three\n")
    assert [host.name for host in load(["folder"])] == ["one", "two"]


def test_what_is_not_there(write):
    write("x", "")
    with pytest.raises(InventoryError) as caught:
        load(["web1", "no/such/file"])
    assert [str(problem) for problem in caught.value.problems] == [
        'web1: there is no such file or folder; for a host of that name write -i "web1,"',
        "no/such/file: there is no such file or folder",
    ]


def test_scripts_are_refused_not_run(write):
    name = write("hosts.sh", "#!/bin/sh\ntouch ran\n")
    Path(name).chmod(0o755)
    with pytest.raises(InventoryError, match=r"hosts\.sh: inventory scripts are not supported"):
        load([name])
    assert not Path("ran").exists()


def test_a_range_in_a_list():
    with pytest.raises(InventoryError, match=r"web\[1:3\]: ranges are not expanded in a list"):
        load(["web[1:3],"])


def test_problems_of_all_sources_come_together(write):
    sources = [write("one", "a:\n"), write("two.yml", "- x\n"), write("three", "[x:y]\n")]
    write("one", "h junk\n")
    with pytest.raises(InventoryError) as caught:
        load(sources)
    files = [problem.position.file for problem in caught.value.problems]
    assert files == ["one", "two.yml", "three"]


def test_a_group_below_itself_through_all(write):
    name = write("h.yml", "p: {children: {all: }}\n")
    with pytest.raises(InventoryError, match="group 'p' would be above and below 'all'"):
        load([name])
