from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import FleetError, HostError, InputError
from orchestrator.host.rendering import Renderer, mentions_facts
from orchestrator.host.requests import Place, StepText
from orchestrator.host.services import Service, Verb, text
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


def test_every_hook_of_a_bundle_and_of_a_plan_goes_along() -> None:
    bundled = replace(NEW, hooks={"post_stage": "bin/warm", "cleanup": "bin/clean"})
    it = work(made=bundled, hooks=Hooks(pre_stage="room {{ wave }}", cleanup="rm x"))
    texts = renderer(it).texts(it)
    release = f"/opt/fleet/gateway/releases/{NEW.release}"
    assert texts.pre_stage == "room canary"
    assert texts.post_stage == f"{release}/bin/warm || exit\n"
    assert texts.cleanup == f"{release}/bin/clean || exit\nrm x"


def test_shared_services_are_left_to_later_packages_but_not_on_the_way_back() -> None:
    first = work("db", restart=("db", "app-{{ wave }}"), reload=("web",))
    last = work("app", restart=("app-canary",), reload=("web",))
    it = renderer(first, last)
    texts = it.texts(first, [last])
    own = (Service(Verb.RESTART, "db"), Service(Verb.RESTART, "app-canary"))
    assert it.services(first) == (*own, Service(Verb.RELOAD, "web"))
    assert texts.restart == text(own[:1])
    assert texts.restart_back == text(it.services(first))
    alone = it.texts(last)
    assert (alone.restart, alone.restart_back) == (text(it.services(last)), "")


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
