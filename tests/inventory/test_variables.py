"""Variables of hosts: what templates see, when they are rendered, and how they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InventoryError
from orchestrator.inventory import load


def message(variables, name: str) -> str:
    with pytest.raises(InventoryError) as caught:
        variables[name]
    (problem,) = caught.value.problems
    return str(problem)


@pytest.fixture
def variables(write):
    text = """\
    all:
      hosts: {web1.example.com: }
      vars:
        fine: ok
        unknown: "{{ fien }}"
        alien: "{{ qqqqqqqq }}"
        outer: "it is {{ unknown }}"
        loop_a: "{{ loop_b }}"
        loop_b: "{{ [loop_a] }}"
        broken: "{{ ("
        filtered: "{{ fine | to_nice_yaml }}"
        divided: "{{ 1 / 0 }}"
        unsafe: "{{ ().__class__ }}"
        listed: "{{ [fine, missing] }}"
        endless: "{% for i in range(3) %}{{ i }}{% endfor %}"
        changed: "{{ mutable.append(1) }}"
        mutable: []
    """
    return load([write("hosts.yml", text)])["web1.example.com"].variables


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unknown", "5:5: unknown: variable 'fien' is not defined; did you mean 'fine'?"),
        ("alien", "6:5: alien: variable 'qqqqqqqq' is not defined; define it, or use | default(…)"),
        ("outer", "7:5: outer: variable 'fien' is not defined"),
        ("loop_a", "8:5: loop_a: the variable refers to itself: loop_a → loop_b → loop_a"),
        ("broken", "10:5: broken: the template is not valid: unexpected 'end of template'"),
        ("filtered", "11:5: filtered: the template is not valid: No filter named 'to_nice_yaml'"),
        ("divided", "12:5: divided: the template cannot be rendered: division by zero"),
        ("unsafe", "13:5: unsafe: the template cannot be rendered: access to attribute"),
        ("listed", "14:5: listed: variable 'missing' is not defined"),
        ("changed", "16:5: changed: the template cannot be rendered: access to attribute 'append'"),
    ],
)
def test_failures_are_told_where_the_variable_stands(variables, name, expected):
    assert message(variables, name).startswith(f"hosts.yml:{expected}")


def test_a_variable_that_fails_harms_no_other(variables):
    assert variables["fine"] == "ok"
    assert variables["endless"] == "012"
    assert variables["mutable"] == []
    assert set(variables) >= {"fine", "broken", "inventory_hostname", "group_names"}
    assert len(variables) == len(list(variables))


def test_names_of_the_host(variables):
    assert variables["inventory_hostname"] == "web1.example.com"
    assert variables["inventory_hostname_short"] == "web1"
    assert variables["group_names"] == ["ungrouped"]
    assert "groups" not in variables
    with pytest.raises(KeyError):
        variables["groups"]


def test_templates_see_folders_and_groups(write):
    text = "[web]\nw1 key={{inventory_dir}}/key of={{inventory_file}} all={{groups.all|join}}\n"
    name = write("inv/hosts", text + "w1 plan={{playbook_dir}}\n")
    found = load([name], plan_dir=Path("plans"))["w1"].variables
    here = Path.cwd()
    assert found["key"] == f"{here}/inv/key"
    assert found["of"] == f"{here}/inv/hosts"
    assert found["all"] == "w1"
    assert found["plan"] == f"{here}/plans"


def test_extra_variables_win_over_all(write):
    write("host_vars/h.yml", "a: host\nshown: '{{ a }}'")
    found = load([write("hosts", "h a=1\n")], extra_vars={"a": "extra", "t": "{{ a }}!"})["h"]
    assert (found.variables["shown"], found.variables["t"]) == ("extra", "extra!")


def test_passwords_stay_variables(write):
    host = load([write("hosts", "h ansible_become_password=hush ansible_become=yes\n")])["h"]
    assert host.variables["ansible_become_password"] == "hush"
    assert "hush" not in repr(host.endpoint)
