"""What hosts are given to ask themselves, run for real."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.checks.base import Verdict
from orchestrator.ports import Watch
from orchestrator.triggers.app_validation import AppValidation
from orchestrator.triggers.base import Trigger
from orchestrator.triggers.connectivity import Connectivity
from orchestrator.triggers.service_health import ServiceHealth
from orchestrator.triggers.system_metrics import SystemMetrics
from tests.checks.running import Host, Result, listening, refusing, serving

HOSTILE = 'it\'s $(touch owned) `touch owned` "$HOME" ; * \\ -n'


def ask(host: Host, trigger: Trigger, name: str = "") -> Result:
    """Return what a watch of the trigger says on the host."""
    [watch] = [watch for watch in trigger.watches() if watch.name == name]
    assert isinstance(watch, Watch)
    return host.run(watch.script)


def systemd(host: Host, **units: str) -> None:
    """Give the host a systemctl that shows these properties of units."""
    cases = "".join(f'{name}.service) printf "{shown}" ;;' for name, shown in units.items())
    host.fake("systemctl", f"for unit; do :; done\ncase $unit in {cases} esac")


def shown(state: str, sub: str = "x", restarts: int = 0, entered: int = 0) -> str:
    return (
        f"NRestarts={restarts}\\nActiveState={state}\\nSubState={sub}\\n"
        f"ActiveEnterTimestampMonotonic={entered}\\n"
    )


@pytest.mark.parametrize(
    ("state", "sub", "code", "reason"),
    [
        ("active", "running", 0, "app.service is active"),
        ("reloading", "reload", 0, "app.service is active"),
        ("activating", "start", 21, "app.service is activating"),
        ("activating", "auto-restart", 1, "app.service has ended, and waits to be restarted"),
        ("failed", "failed", 1, "app.service is failed"),
        ("inactive", "dead", 1, "app.service is inactive"),
        ("deactivating", "stop", 1, "app.service is deactivating"),
    ],
)
def test_a_unit_of_systemd(host, state, sub, code, reason):
    systemd(host, app=shown(state, sub))
    result = ask(host, ServiceHealth(("app.service",)))
    assert (result.code, result.reason) == (code, reason)


def test_a_unit_that_is_restarted_again_and_again(host):
    """systemd starts it at once again, so that it is active whenever one looks."""
    up = int(float(Path("/proc/uptime").read_text().split()[0]))
    lately, long_ago = (up - 5) * 10**6, (up - 600) * 10**6 if up > 600 else 0
    systemd(host, app=shown("active", "running", 4, lately))
    result = ask(host, ServiceHealth(("app.service",)))
    assert result.code == Verdict.NO
    assert result.reason.startswith("app.service was restarted ")
    assert result.reason.endswith(" s ago, 4 times by now")
    systemd(host, app=shown("active", "running", 4, long_ago))
    assert ask(host, ServiceHealth(("app.service",))).code == Verdict.YES
    systemd(host, app=shown("active", "running", 0, lately))
    assert ask(host, ServiceHealth(("app.service",))).code == Verdict.YES


def test_all_services_must_be_well(host):
    systemd(host, a=shown("active"), b=shown("failed"), c=shown("activating", "start"))
    units = [f"{name}.service" for name in "abc"]
    assert ask(host, ServiceHealth(tuple(units))).reason == "b.service is failed"
    assert ask(host, ServiceHealth((units[0], units[2]))).code == Verdict.NOT_YET
    systemd(host, a=shown("active"), b=shown("active"))
    result = ask(host, ServiceHealth(tuple(units[:2])))
    assert (result.code, result.reason) == (0, "a.service is active, b.service is active")


@pytest.mark.parametrize("tool", ["rc-service", "service"])
@pytest.mark.parametrize(("exit_code", "code"), [(0, 0), (3, 1), (4, 2)])
def test_services_of_other_init_systems(host, tool, exit_code, code):
    host.fake("systemctl", "exit 1")
    host.fake(tool, f'[ "$*" = "app status" ] && exit {exit_code}; exit 99')
    assert ask(host, ServiceHealth(("app.service",))).code == code


@pytest.mark.parametrize("code", [0, 1, 21, 7])
def test_a_command_where_there_is_no_systemd(host, code):
    trigger = ServiceHealth(("app.service",), command=f"echo 'it''s'; exit {code}")
    result = ask(host, trigger)
    assert (result.code, result.reason) == (code, "its")
    systemd(host, app=shown("active"))
    assert ask(host, trigger).reason == "app.service is active"
    alone = ask(host, ServiceHealth(command=f"echo alone; exit {code}"))
    assert (alone.code, alone.reason) == (code, "alone")


def test_memory(host):
    well = ask(host, SystemMetrics(memory="100%"), "memory")
    assert well.code == Verdict.YES
    assert well.reason.endswith(" % of memory is used")
    bad = ask(host, SystemMetrics(memory="0.1%"), "memory")
    assert bad.code == Verdict.NO
    assert bad.reason.endswith(" % of memory is used, and the limit is 0.1")


def test_load(host):
    assert ask(host, SystemMetrics(load="100000"), "load").code == Verdict.YES
    assert ask(host, SystemMetrics(load="0"), "load").code == Verdict.NO


def test_disk(host, tmp_path):
    used = shutil.disk_usage(tmp_path)
    share = 100 * used.used / (used.used + used.free)
    path = f"{tmp_path}/{HOSTILE.replace('/', '')}"
    (tmp_path / path).mkdir()
    result = ask(host, SystemMetrics(disk="100%", path=path), "disk")
    assert result.code == (Verdict.YES if share < 99 else Verdict.NO)
    assert abs(int(result.reason.split()[0]) - share) < 3
    assert ask(host, SystemMetrics(disk="0%", path=path), "disk").code == Verdict.NO
    gone = ask(host, SystemMetrics(disk="50%", path="/no such folder"), "disk")
    assert (gone.code, gone.reason) == (2, "no number: disk cannot be measured here")
    assert not (host.release / "owned").exists()


@pytest.mark.parametrize(
    ("sensors", "code", "reason"),
    [
        (["41000", "90500", "20000"], 1, "90 degrees Celsius, and the limit is 85"),
        (["85000"], 1, "85 degrees Celsius, and the limit is 85"),
        (["84999", "-5000"], 0, "84 degrees Celsius"),
        (["-5000"], 0, "-5 degrees Celsius"),
        (["", "broken"], 2, "no number: temperature cannot be measured here"),
        ([], 2, "no number: temperature cannot be measured here"),
    ],
)
def test_temperature(host, tmp_path, sensors, code, reason):
    folder = tmp_path / "sys class"
    for number, text in enumerate(sensors):
        (folder / f"zone{number}").mkdir(parents=True)
        (folder / f"zone{number}/temp").write_text(f"{text}\n")
    trigger = SystemMetrics(temperature="85", sensor=f"{folder}/zone*/temp")
    result = ask(host, trigger, "temperature")
    assert (result.code, result.reason) == (code, reason)


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        ("echo noise; echo 999.5", 0, "the command says 999.5"),
        ("echo 1000", 1, "the command says 1000, and the limit is 1000"),
        ("echo -1", 1, "the command says -1, and the limit is 0"),
        ("echo many", 2, "no number: many"),
        ("true", 2, "no number: command cannot be measured here"),
        ("echo 5; exit 3", 2, "the command ends with exit 3"),
    ],
)
def test_the_number_of_a_command(host, command, code, reason):
    trigger = SystemMetrics(command=command, at_least="1000", at_most="0")
    result = ask(host, trigger, "command")
    assert (result.code, result.reason) == (code, reason)


@pytest.mark.parametrize("code", [0, 1, 21, 2, 99])
def test_a_script_answers_for_itself(host, code):
    path = host.release / "bin" / "it's well"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nprintf "%s|" "$@"\npwd\nexit {code}\n')
    trigger = AppValidation("bin/it's well", args=(HOSTILE, "-x"))
    assert ask(host, trigger).reason == "bin/it's well is not executable"
    path.chmod(0o755)
    result = ask(host, trigger)
    assert (result.code, result.reason) == (code, f"{HOSTILE}|-x|{host.release}")
    missing = ask(host, AppValidation("bin/other"))
    assert (missing.code, missing.reason) == (2, "the release has no bin/other")


def test_connections(host):
    host.add("bash")
    with listening() as port:
        answers = ask(host, Connectivity(f"127.0.0.1:{port}"))
        assert answers.code == Verdict.YES
    with refusing() as port:
        lost = ask(host, Connectivity(f"127.0.0.1:{port}"))
        reason = f"127.0.0.1 port {port} takes no connections"
        assert (lost.code, lost.reason) == (Verdict.NO, reason)


def test_a_url_answers_whatever_it_says(host):
    host.add("curl")
    with serving() as url:
        for status in (200, 302, 404, 503):
            result = ask(host, Connectivity(f"{url}/{status}/"))
            assert (result.code, result.reason) == (0, f"{url}/{status}/ answers {status}")
    gone = ask(host, Connectivity(f"{url}/200/"))
    assert (gone.code, gone.reason) == (Verdict.NO, f"{url}/200/ gives no answer")


def test_a_ping(host):
    nobody = ask(host, Connectivity("::1"))
    assert (nobody.code, nobody.reason) == (2, "cannot ask ::1: no ping here")
    host.fake("ping", '[ "$*" = "-c 1 -W 9 10.0.0.1" ]')
    assert ask(host, Connectivity("10.0.0.1")).reason == "10.0.0.1 answers a ping"
    lost = ask(host, Connectivity("10.0.0.2"))
    assert (lost.code, lost.reason) == (Verdict.NO, "10.0.0.2 answers no ping")
