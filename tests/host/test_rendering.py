from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from orchestrator.errors import FleetError, HostError, InputError
from orchestrator.host.rendering import Renderer, mentions_facts, restart_text
from orchestrator.host.requests import Place, StepText
from orchestrator.model.plan import Hooks, Step

from .scripted import NEW, assignment, work


def renderer(*works, facts=None, **variables) -> Renderer:
    return Renderer(assignment(*works, **variables), "run-1", facts)


@pytest.mark.parametrize(
    ("options", "variables", "root", "state"),
    [
        ({}, {}, "/opt/fleet", "/var/lib/fleet"),
        ({}, {"fleet_root": "/r/", "fleet_state": "/s"}, "/r", "/s"),
        ({"root": "/x/{{ inventory_hostname }}"}, {"fleet_root": "/r"}, "/x/gw1", "/var/lib/fleet"),
        ({}, {"fleet_root": "{{ base }}/{{ package }}", "base": "/b"}, "/b/gateway", None),
    ],
)
def test_place(options, variables, root, state) -> None:
    it = work(**options)
    place = renderer(it, **variables).place(it)
    assert place == Place("gateway", root, state or "/var/lib/fleet")


@pytest.mark.parametrize("root", ["opt", "/a/../b", ""])
def test_a_place_is_an_absolute_path(root: str) -> None:
    it = work(root=root)
    with pytest.raises(HostError, match="not an absolute path"):
        renderer(it).place(it)


def test_what_templates_may_use() -> None:
    it = work()
    variables = renderer(it, facts={"os": "debian"}, zone="a").variables(it)
    assert variables == {
        "zone": "a",
        "inventory_hostname": "gw1",
        "group_names": ["gateways"],
        "wave": "canary",
        "run": "run-1",
        "facts": {"os": "debian"},
        "package": "gateway",
        "version": "2.4.0",
        "release": {
            "id": NEW.release,
            "version": "2.4.0",
            "path": f"/opt/fleet/gateway/releases/{NEW.release}",
        },
    }


def test_environment() -> None:
    it = work(environment=(("PORT", "{{ port }}"), ("OS", "{{ facts.os }}")))
    text = renderer(it, facts={"os": "debian"}, port=8080).environment(it)
    assert text == "export PORT=8080\nexport OS=debian\n"
    with pytest.raises(InputError, match="'facts' is not defined"):
        renderer(it, port=8080).environment(it)


def test_checks_see_what_hooks_see() -> None:
    it = work(environment=(("FLEET_WAVE", "mine"),))
    lines = renderer(it).check_environment(it).splitlines()
    assert lines[0] == "export FLEET_PACKAGE=gateway"
    assert f"export FLEET_RELEASE=/opt/fleet/gateway/releases/{NEW.release}" in lines
    assert lines[-1] == "export FLEET_WAVE=mine"


def test_hooks_of_the_bundle_run_before_those_of_the_plan() -> None:
    bundled = replace(NEW, hooks={"pre_activate": "bin/mi grate", "post_revert": "bin/back"})
    it = work(made=bundled, hooks=Hooks(pre_activate="echo {{ version }}", post_activate="true"))
    texts = renderer(it).texts(it)
    release = f"/opt/fleet/gateway/releases/{NEW.release}"
    assert texts.pre_activate == f"'{release}/bin/mi grate' || exit\necho 2.4.0"
    assert texts.post_activate == "true"
    assert texts.post_revert == f"{release}/bin/back || exit\n"
    assert texts.pre_revert == ""


def test_steps_are_rendered_in_the_order_in_which_they_come() -> None:
    steps = (
        Step("b", "b", "undo {{ wave }}"),
        Step("a", "a"),
        Step("c", "c {{ wave }}", after=("a",)),
    )
    it = work(steps=steps)
    assert renderer(it).texts(it).steps == (
        StepText("b", "b", "undo canary"),
        StepText("a", "a"),
        StepText("c", "c canary"),
    )


def run_restarts(*services: str) -> subprocess.CompletedProcess[str]:
    """Run the text where neither systemd nor OpenRC is, and `service` says what it is asked."""
    text = restart_text(services).replace("[ -d /run/systemd/system ]", "false")
    tools = "command() { return 1; }\nservice() { echo service $*; }\n"
    return subprocess.run(["sh", "-c", tools + text], capture_output=True, text=True, check=False)


def test_restarts_run_in_order_and_stop_at_the_first_failure() -> None:
    done = run_restarts("gateway.service", "echo a; echo b", "db")
    assert done.stdout.splitlines() == ["service gateway restart", "a", "b", "service db restart"]
    assert done.returncode == 0
    done = run_restarts("echo a; exit 3", "echo b")
    assert (done.stdout, done.returncode) == ("a\n", 3)


def test_restart_text() -> None:
    assert restart_text([]) == ""
    assert restart_text(["kill -HUP 1"]) == "(\nkill -HUP 1\n) || exit\n"
    assert restart_text(["b.service"]).endswith("}\nrestart b.service || exit\n")
    assert 'systemctl restart -- "$1"' in restart_text(["x"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ facts.os }}", True),
        ("facts", False),
        ((("path", "/"), ("free", "{{ facts.memory_kib }}")), True),
        ((("path", "/"), ("n", 3)), False),
    ],
)
def test_mentions_facts(value: object, expected: bool) -> None:
    assert mentions_facts(value) is expected


def test_undefined_variables_name_themselves() -> None:
    it = work(restart=("kill {{ pidd }}",))
    with pytest.raises(FleetError, match="'pidd' is not defined"):
        renderer(it, pid=3).texts(it)
