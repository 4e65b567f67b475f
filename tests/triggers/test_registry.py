"""From a plan's use to a trigger for one host."""

from __future__ import annotations

from inspect import signature

import pytest

from orchestrator.errors import InputError, Position
from orchestrator.model.plan import Use
from orchestrator.ports import BootBudget
from orchestrator.schema import shape_of
from orchestrator.triggers import TRIGGERS, build_trigger
from orchestrator.triggers.app_validation import AppValidation
from orchestrator.triggers.boot_failure import BootFailure
from orchestrator.triggers.connectivity import Connectivity
from orchestrator.triggers.service_health import ServiceHealth
from orchestrator.triggers.system_metrics import SystemMetrics

NO_LIMIT = "does not say when a number is bad; give command with at_least or at_most"
PLACE = Position("plan.yml", 7, 9)


def use(name: str, **options: object) -> Use:
    return Use(name, tuple(sorted(options.items())), PLACE)


def test_every_trigger_is_a_described_dataclass():
    for name, trigger in TRIGGERS.items():
        shape = shape_of(trigger)
        assert {item.name for item in shape.fields} == set(signature(trigger).parameters)
        assert shape.help.endswith("."), name
        assert not shape.short or shape.short in {item.name for item in shape.fields}
        assert all(item.help.endswith(".") for item in shape.fields)


def test_defaults_are_those_of_the_field():
    assert BootFailure().boot_budget() == BootBudget(3, 120.0)
    memory, temperature = SystemMetrics().watches()
    assert (memory.name, memory.every * memory.threshold) == ("memory", 300.0)
    assert (temperature.name, temperature.every * temperature.threshold) == ("temperature", 120.0)
    [service] = ServiceHealth(("app.service",)).watches()
    assert (service.every, service.threshold) == (30.0, 2)
    [script] = AppValidation("bin/healthy").watches()
    assert (script.timeout, script.threshold) == (60.0, 3)
    assert all(
        trigger.boot_budget() is None for trigger in (SystemMetrics(), ServiceHealth(("a",)))
    )
    assert BootFailure().watches() == ()


def test_only_what_used_to_answer_can_be_lost():
    [lost] = Connectivity("192.0.2.1").watches()
    assert lost.after_yes
    assert not any(watch.after_yes for watch in SystemMetrics().watches())


@pytest.mark.parametrize("to", ["::1", "[::1]"])
def test_ping_takes_no_brackets(to):
    [watch] = Connectivity(to).watches()
    assert "to=::1 " in watch.script


@pytest.mark.parametrize("to", ["[::1]:443", "http://[::1]:443/", "gw:443", "https://gw"])
def test_what_else_is_asked_for_an_answer(to):
    [watch] = Connectivity(to).watches()
    assert "ping" not in watch.script


def test_templates_are_rendered_for_a_host():
    chosen = use("service_health", services=("{{ package }}.service",))
    assert build_trigger(chosen, {"package": "app"}) == ServiceHealth(("app.service",))
    assert build_trigger(use("connectivity", to="{{ gw }}:80"), {"gw": "10.0.0.1"}) == Connectivity(
        "10.0.0.1:80"
    )


@pytest.mark.parametrize(
    ("duration", "interval", "threshold"),
    [(300.0, 15.0, 20), (301.0, 15.0, 21), (1.0, 15.0, 1), (2.0, 1.0, 2)],
)
def test_a_duration_is_so_many_answers_in_a_row(duration, interval, threshold):
    [watch] = SystemMetrics(load="9", duration=duration, interval=interval).watches()
    assert watch.threshold == threshold


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        (
            use("service_health"),
            "service_health: asks for nothing; give 'services', 'command' or both",
        ),
        (
            use("system_metrics", command="echo 1"),
            f"system_metrics: {NO_LIMIT}",
        ),
        (
            use("system_metrics", at_least="1"),
            f"system_metrics: {NO_LIMIT}",
        ),
        (
            use("system_metrics", path="/var"),
            (
                "system_metrics: 'path' belongs to 'disk', which is not there; "
                "give 'disk' too, or remove 'path'"
            ),
        ),
        (
            use("system_metrics", memory="95%", sensor="/sys/x"),
            (
                "system_metrics: 'sensor' belongs to 'temperature', which is not there; "
                "give 'temperature' too, or remove 'sensor'"
            ),
        ),
        (
            use("system_metrics", memory="101%"),
            (
                "system_metrics.memory: expected a percentage such as 95%, found '101%'; "
                "give 0% to 100%"
            ),
        ),
        (
            use("app_validation", script="{{ up }}"),
            (
                "app_validation.script: expected a path inside the bundle, found '../x'; "
                "write it relative, without '..'"
            ),
        ),
        (
            use("connectivity", to="10.0.0.1:99999"),
            "connectivity: '10.0.0.1:99999' is not an address; write e.g. 127.0.0.1:80",
        ),
        (
            use("connectivity", to="http://10.0.0.1:99999/"),
            (
                "connectivity: 'http://10.0.0.1:99999/' can never answer: "
                "its port is not from 1 to 65535; write e.g. 192.0.2.1:443"
            ),
        ),
        (
            use("connectivity", to="[gw]x"),
            "connectivity.to: expected an address, found '[gw]x'; write e.g. 192.0.2.1:443",
        ),
        (
            use("connectivity", to="10.0.0.999"),
            (
                "connectivity: '10.0.0.999' can never answer: '10.0.0.999' is neither the name of "
                "a host nor an IP address; write e.g. 192.0.2.1:443"
            ),
        ),
        (
            use("connectivity", to="-x"),
            "connectivity.to: expected an address, found '-x'; write e.g. 192.0.2.1:443",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(chosen, problem):
    with pytest.raises(InputError) as caught:
        build_trigger(chosen, {"up": "../x"})
    assert str(caught.value).removeprefix("plan.yml:7:9: ") == problem
