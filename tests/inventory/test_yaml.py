"""YAML inventories and files of variables: what is wrong is told at once."""

from __future__ import annotations

import pytest

from orchestrator.errors import InventoryError
from orchestrator.inventory import load


def test_all_problems_at_once(problems):
    text = """\
    web:
      host:
        web1:
      hosts:
        web2: {a: 1, a: 2}
        web3: [x]
        7:
        web[2:1]:
      vars:
        - a
        - b
      children:
        db: plain
    """
    assert problems(text, "h.yml") == [
        "h.yml:2:3: web.host: a group has no 'host'; did you mean 'hosts'?",
        "h.yml:5:18: key 'a' is here for the second time, first at line 5; keep one of them",
        "h.yml:6:11: variables are a mapping; write name: value",
        "h.yml:7:5: web.hosts: the name 7 of a host is not text; quote it",
        "h.yml:8:5: web.hosts.web[2:1]: range [2:1] ends before it begins",
        (
            "h.yml:10:5: web.vars: 'vars' is a mapping, not a list; "
            "end each name with ':' instead of beginning it with '-'"
        ),
        (
            "h.yml:13:9: db: a group is a mapping of hosts, children and vars; "
            "nothing else may stand here"
        ),
    ]


def test_values_that_cannot_be(problems):
    text = """\
    all:
      hosts:
        one: {secret: !vault "$ANSIBLE_VAULT;1.1"}
        two: {day: 2024-13-45}
        three: {1: x}
        four: {odd: !custom x}
      vars: {[a]: 1, 2: 3}
    """
    found = problems(text, "hosts.yml")
    assert found[0].startswith("hosts.yml:3:19: a value is encrypted with ansible-vault")
    assert found[1].startswith("hosts.yml:4:16: the value cannot be read: month must be")
    assert found[2] == "hosts.yml:5:13: the name 1 of a variable is not text; quote it"
    assert found[3].startswith("hosts.yml:6:17: could not determine a constructor for the tag")
    assert found[-1] == "hosts.yml:7:18: all.vars: the name 2 of a variable is not text; quote it"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", "h.yml:1:1: an inventory is a mapping of groups; begin with: all:"),
        ("", "h.yml: an inventory is a mapping of groups; begin with: all:"),
        ("plugin: aws_ec2\n", "h.yml:1:1: plugin: inventory plugins are not supported"),
        ("a: b: c\n", "h.yml:1:5: a ':' stands where no key can be; quote the value if it"),
        ("a: 1\n---\nb: 2\n", "h.yml:2:1: but found another document"),
        ("a: \x00\n", "h.yml: "),
        ("a: &x [*x]\n", "h.yml:1:4: a: a group is a mapping of hosts, children and vars"),
        ("a: {vars: {x: &x [*x]}}\n", "h.yml:1:"),
    ],
)
def test_what_is_no_inventory(problems, text, expected):
    assert problems(text, "h.yml")[0].startswith(expected)


def test_files_of_variables(write):
    write("hosts", "[web]\nweb1\nweb2\n")
    write("group_vars/web.yml", "a: 1\nb: {c: 1, c: 2}\na: 3\n")
    write("group_vars/all", "- 1\n")
    write("host_vars/web1/x.yml", "$ANSIBLE_VAULT;1.1;AES256\n00\n")
    write("host_vars/web2.json", '{"a" 1}')
    with pytest.raises(InventoryError) as caught:
        load(["hosts"])
    found = sorted(str(problem) for problem in caught.value.problems)
    assert [problem.partition(" ")[0] for problem in found] == [
        "group_vars/all:1:1:",
        "group_vars/web.yml:2:11:",
        "group_vars/web.yml:3:1:",
        "host_vars/web1/x.yml:",
        "host_vars/web2.json:1:6:",
    ]
    assert "ansible-vault decrypt host_vars/web1/x.yml" in found[3]
