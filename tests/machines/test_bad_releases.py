"""Releases that take their host down, with the controller gone: it comes back by itself.

Each is a good release and a bad one of something that a host needs. The bad one activates without
a complaint; then the controller is killed, and the machine is on its own.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.lab.lab import Lab
from tests.labs import eventually
from tests.machines.site import UNIT, Ground, MachineSite, make_site

pytestmark = [
    *(pytest.mark.ssh, pytest.mark.machine, pytest.mark.slow),
    pytest.mark.timeout(600),
]

DEADLINE = 30
"""Seconds of a trial."""

NETWORK = """\
[Match]
Name=eth0

[Network]
Address={address}
LinkLocalAddressing=no
"""
SINCE_BOOT = "/run/not-booted-since"
REBOOTS = {"when": "always", "deadline": 20}
EARLY = """\
[Unit]
Before=ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart={home}/current/bin/serve
[Install]
WantedBy=multi-user.target
"""
FILLS = """\
#!/bin/sh
for size in 64M 1M 64K 4K; do
  while fallocate -l $size "/var/filler.$((n += 1))"; do :; done
done
exec sleep 1000000
"""


@dataclass(frozen=True)
class Story:
    """A bad release: which files differ from those of the good one, and where they are used."""

    version: str
    good: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    link: str = ""
    """A path of the machine that leads to the file of the same name in the active release."""
    restart: str = ""
    unit: str = UNIT
    reboot: dict[str, Any] = field(default_factory=dict)
    boots: dict[str, Any] = field(default_factory=dict)
    """What the trigger boot_failure says; where it fires, it is before the deadline."""


STORIES = {
    "network": Story(
        "3.1",
        good={"lab.network": NETWORK.replace("{address}", "{address}/24")},
        bad={"lab.network": NETWORK.replace("{address}", "203.0.113.1/32")},
        link="/etc/systemd/network/lab.network",
        restart="systemctl restart systemd-networkd",
    ),
    "sshd": Story(
        "3.2",
        good={"port.conf": "ListenAddress 0.0.0.0\n"},
        bad={"port.conf": "ListenAddress 127.0.0.1\n"},
        link="/etc/ssh/sshd_config.d/port.conf",
        restart="systemctl restart ssh.service",
    ),
    "panic": Story(
        "3.3",
        bad={"serve": f"#!/bin/sh\n[ -e {SINCE_BOOT} ] || reboot -ff\nexec sleep 1000000\n"},
        reboot=REBOOTS,
        boots={"max_attempts": 2},
    ),
    "disk": Story("3.4", bad={"serve": FILLS}),
    "boot": Story(
        "3.5",
        good={"serve": "#!/bin/sh\nexit 0\n"},
        bad={"serve": f"#!/bin/sh\n[ -e {SINCE_BOOT} ] || exec sleep 1000000\nexit 0\n"},
        unit=EARLY,
        reboot=REBOOTS,
        boots={"timeout": "15s"},
    ),
}


@pytest.fixture
def site(machines: Lab, tmp_path) -> MachineSite:
    return make_site(machines, tmp_path)


@pytest.fixture(params=STORIES)
def ground(request: pytest.FixtureRequest, site: MachineSite) -> Iterator[Ground]:
    """A machine with the good release of a story; gone without a trace at the end."""
    story, system = STORIES[request.param], site.systems[-1]
    for number, files in enumerate((story.good, story.bad)):
        texts = {n: text.replace("{address}", system.host.address) for n, text in files.items()}
        site.bundle(f"{story.version}.{number}", **texts)
    name = f"bad-{request.param}"
    ground = site.ground(
        system,
        name,
        unit=story.unit,
        package={
            "restart": [*filter(None, [story.restart]), f"{name}.service"],
            "trial": {"deadline": DEADLINE},
            **({"reboot": story.reboot} if story.reboot else {}),
            **({"triggers": [{"boot_failure": story.boots}]} if story.boots else {}),
        },
        timeouts={"validate": 12, "confirm": 12},
    )
    ground.area.apply(f"{story.version}.0")
    if story.link:
        file = story.link.rpartition("/")[2]
        system.run(f"ln -sf {ground.home}/current/bin/{file} {story.link}")
    system.run(f"{story.restart or ':'}; touch {SINCE_BOOT}; sync")
    yield ground
    system.ask("rm -f /var/filler.*")
    if story.link:
        address = f"{system.host.address}/24"
        text = NETWORK.format(address=address) if "network" in story.link else ""
        system.run(f"rm {story.link}; cat >{story.link} <<'END'\n{text}END\n{story.restart}")
    ground.clear()


def is_over(ground: Ground) -> bool:
    return not ground.record("trial")


def test_it_comes_back_by_itself(ground: Ground, request: pytest.FixtureRequest, capsys) -> None:
    story = STORIES[request.node.callspec.params["ground"]]
    good, bad = f"{story.version}.0", f"{story.version}.1"
    system, boot = ground.system, ground.system.boot
    system.run(f"touch /run/hold-{ground.name}")
    with ground.area.start_apply(bad) as controller:
        told = f"{controller.stdout}\n{controller.stderr}"
        assert eventually(lambda: ground.version == bad, 60), told
        assert eventually(lambda: "activated" in ground.record("progress"), 60), told
        begun = time.monotonic()
        if story.reboot:
            assert eventually(lambda: system.boot not in (boot, None), 60), controller.stdout
        seconds = re.findall("trial_seconds='(.*)'", ground.record("trial"))
        controller.send(signal.SIGKILL)
    assert eventually(lambda: ground.version == good and is_over(ground), 240)
    took = time.monotonic() - begun
    assert eventually(system.answers, 60)
    answered = time.monotonic() - begun
    assert eventually(lambda: system.ask(f"systemctl is-active {ground.name}").returncode == 0, 30)
    with capsys.disabled():
        print(
            f"\n{ground.name}: back after {took:.1f} s of {seconds}, answers after {answered:.1f} s"
        )
    found = ground.look()
    assert found.version == good
    assert ("boot_failure" in ground.record("last")) == bool(story.boots)
    assert not set(found.left) & {"trial", "hook"}
    ground.area.fleet("resume", "last", expect=2)
    ground.area.apply(good)
    assert ground.look().left == ()
