"""Where data lies on a host, and what stops and starts what writes to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.host.requests import Place
from orchestrator.host.resting import data_set
from orchestrator.model.keeping import Data
from orchestrator.model.plan import Origin, Package

PLACE = Place("app", "/opt/fleet", "/var/lib/fleet")


def package(*paths: str, stop: tuple[str, ...] = (), freeze: str = "", thaw: str = "") -> Package:
    data = Data(paths, stop, freeze, thaw)
    return Package("app", "all", Origin("bundles"), data=data)


def test_paths_are_absolute_or_below_shared() -> None:
    found = data_set(package("db", "/srv/{{ zone }}/"), PLACE, {"zone": "north 1"})
    assert found.paths == ("/opt/fleet/app/shared/db", "/srv/north 1")


@pytest.mark.parametrize("path", ["/", "{{ x }}", "/a/{{ up }}/b", "/a*", "/a\nb", "/{{ star }}"])
def test_a_path_that_cannot_be(path: str) -> None:
    with pytest.raises(HostError, match="cannot be a path of data"):
        data_set(package(path), PLACE, {"x": "../db", "up": "..", "star": "[a]"})


def test_paths_are_apart() -> None:
    with pytest.raises(HostError, match="are not apart"):
        data_set(package("db", "/opt/fleet/app/shared/db/x"), PLACE, {})


def test_services_stop_in_order_and_start_in_reverse(tmp_path: Path) -> None:
    found = data_set(
        package("db", stop=("a.service", "b"), freeze="echo freeze", thaw="echo thaw"), PLACE, {}
    )
    tool = tmp_path / "service"
    tool.write_text("#!/bin/sh\necho $1 $2\n")
    tool.chmod(0o755)

    def said(text: str) -> list[str]:
        script = text.replace("[ -d /run/systemd/system ]", "false")
        path = f"{tmp_path}:/usr/bin:/bin"
        command = ["sh", "-c", f"{found.env}{script}"]
        done = subprocess.run(
            command, env={"PATH": path}, check=True, capture_output=True, text=True
        )
        return done.stdout.splitlines()

    assert said(found.freeze) == ["freeze", "a stop", "b stop"]
    assert said(found.thaw) == ["b start", "a start", "thaw"]
    assert said("echo $FLEET_SHARED") == ["/opt/fleet/app/shared"]


def test_a_service_that_does_not_stop_ends_it() -> None:
    found = data_set(package("db", stop=("no-such-service",)), PLACE, {})
    command = ["sh", "-c", f"FLEET_TO=x\n{found.freeze}echo stopped"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "stopped" not in done.stdout
