"""INI inventories: what is wrong is told at once (what is right: ``test_golden``)."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InventoryError
from orchestrator.inventory import load
from orchestrator.inventory.ini import words


def test_all_problems_at_once(problems):
    text = """\
    [web]
    web[1:x]
      web1 zone=a junk
    web2:
    web3 note='open
    web4:99999
    [db:hosst]
    ignored here
    [bad section]
    [web:vars]
    novalue
    [lost:vars]
    a=1
    [web:children]
    we b
    dbs
    [db]
    ---
    """
    assert problems(text) == [
        "hosts:2:1: web[1:x]: range [1:x] is neither of numbers nor of single letters",
        "hosts:3:15: 'junk' is not a variable; write name=value",
        "hosts:4:1: web2:: the port is missing after ':'",
        "hosts:5:1: the line cannot be split: no closing quotation",
        "hosts:6:1: web4:99999: 99999 is not a port",
        "hosts:7:1: db: section [db:hosst] has the unknown type 'hosst'; did you mean 'hosts'?",
        (
            "hosts:9:1: '[bad section]' is not a section; "
            "write [group], [group:children] or [group:vars], without spaces"
        ),
        "hosts:11:1: 'novalue' is not a variable; write name = value",
        "hosts:15:1: web: 'we b' is not the name of a group",
        "hosts:18:1: '---' begins a YAML file; name the file *.yml",
        (
            "hosts:12:1: lost: [lost:vars] stands for a group that is not defined; "
            "add a section [lost]"
        ),
        (
            "hosts:16:1: dbs: [web:children] names the group 'dbs' that is not defined; "
            "did you mean 'db'?"
        ),
    ]


def test_a_cycle_of_groups(problems):
    text = "[a:children]\nb\n[b:children]\nc\n[c:children]\na\n[d:children]\nd\n"
    assert problems(text) == [
        "hosts:6:1: c: group 'a' would be above and below 'c'; remove one of the two",
        "hosts:8:1: d: group 'd' would be above and below 'd'; remove one of the two",
    ]


@pytest.mark.parametrize("value", ["{[]: 1}", "-" * 5000 + "1"])
def test_a_literal_that_no_variable_can_hold(problems, value):
    (problem,) = problems(f"[g]\n[g:vars]\n  x = {value}\n")
    assert problem.startswith("hosts:3:3: x: the value cannot be read: ")


def test_a_priority_that_is_no_number(problems):
    assert problems("[g]\n[g:vars]\nansible_group_priority=high\n") == [
        "hosts:3:1: ansible_group_priority: 'high' is not a whole number"
    ]


def test_lines_that_are_not_utf8_are_fine_in_comments_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("hosts").write_bytes(b"# caf\xe9\none\n")
    assert [host.name for host in load(["hosts"])] == ["one"]
    Path("hosts").write_bytes(b"# caf\xe9\none\ntw\xe9\n")
    with pytest.raises(InventoryError, match="hosts:3:3: the line is not UTF-8; save the file"):
        load(["hosts"])


@given(st.text("ab=é \t\"'#\\", min_size=1).map(str.strip))
def test_words_are_those_of_the_shell(line):
    try:
        expected = shlex.split(line, comments=True)
    except ValueError:
        with pytest.raises(ValueError, match="No"):
            words(line)
    else:
        assert words(line) == expected
