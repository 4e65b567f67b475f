"""One thing is wrong with a host: the doctor names it, and the command that it names mends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines.ssh import keypair
from orchestrator.lab.spec import LabHost
from tests.baddays.hosts_site import LENIENT, hold_lock, without_a_plan, write_program
from tests.baddays.site import FLEET, OLD, Area, Disk, Site, start_site
from tests.host.program.driver import kill_all
from tests.labs import eventually, mend

HOST = "h001"
Found = dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 2) as site:
        site.area("base").apply(OLD)
        yield site


@pytest.fixture
def area(site: Site, request: pytest.FixtureRequest) -> Iterator[Area]:
    name = request.node.name.removeprefix("test_")[:40].replace("[", "-").rstrip("]")
    base = Area(site, "base", tuple(host.name for host in site.lab.hosts))
    lenient: dict[str, Any] = dict(LENIENT)
    yield site.area(name, like=base, **lenient)
    shutil.rmtree(site.lab.host(HOST).bin)
    site.lab.host(HOST).bin.mkdir()
    mend(site.lab)


@pytest.fixture
def host(site: Site) -> LabHost:
    return site.lab.host(HOST)


@pytest.fixture
def disk(area: Area) -> Disk:
    return area.disk(HOST)


def doctor(area: Area, *words: str, expect: int | None = 0) -> Found:
    done = area.fleet("doctor", area.plan, HOST, "--json", *words, expect=expect)
    [found] = json.loads(done.stdout)
    assert found["healthy"] is (done.returncode == 0)
    return dict(found)


def trouble(found: Found) -> list[tuple[str, str]]:
    """Return level and area of what is not ok."""
    return [(it["level"], it["area"]) for it in found["findings"] if it["level"] != "ok"]


def only(found: Found) -> Found:
    """Return the one finding that is not ok."""
    [it] = [it for it in found["findings"] if it["level"] != "ok"]
    return dict(it)


def paste(area: Area, command: str) -> None:
    """Type a command that mends, as it was shown."""
    path = f"{FLEET.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        env=area.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def assert_healthy(area: Area, *words: str) -> None:
    assert trouble(doctor(area, *words)) == []


def test_a_healthy_host(area: Area, site: Site) -> None:
    found = doctor(area)
    assert trouble(found) == []
    areas = {it["area"] for it in found["findings"]}
    assert areas == {
        *("reach", "clock", "tools", "disk", "lock", "trial", "releases", "backups", "history"),
    }
    shown = area.fleet("doctor", area.plan).stdout
    assert [line for line in shown.splitlines() if not line.startswith(" ")] == [
        "h001: healthy",
        "h002: healthy",
    ]
    assert f"{area.disk(HOST).active} is active" in shown


def test_without_a_plan_it_finds_what_there_is(area: Area, disk: Disk) -> None:
    words = (*without_a_plan(area, disk), HOST)
    done = area.fleet("doctor", *words)
    assert f"releases app         {disk.active} is active" in done.stdout
    (disk.root / "current/VERSION").write_text("9\n")
    done = area.fleet("doctor", *words, expect=2)
    assert "fleet hosts repair PLAN.yml -l h001 -i " in done.stdout


def test_words_that_make_no_sense(area: Area) -> None:
    assert "hint: name a plan" in area.fleet("doctor", expect=5).stderr
    assert "hint: name one with -i" in area.fleet("doctor", "h001", expect=5).stderr
    assert "'h009' is no host" in area.fleet("doctor", area.plan, "h009", expect=6).stderr


@pytest.mark.parametrize(
    ("verb", "layer"), [("cut", "port"), ("kill", "port"), ("freeze", "banner")]
)
def test_a_host_that_is_away(area: Area, site: Site, verb: str, layer: str) -> None:
    getattr(site.lab, verb)(HOST)
    found = doctor(area, expect=4)
    finding = only(found)
    assert (finding["level"], finding["area"]) == ("problem", "reach")
    assert f": {layer}: cannot reach h001" in finding["what"]
    assert (finding["mend"], finding["on_console"]) == (
        "systemctl restart ssh || systemctl restart sshd || service ssh restart",
        True,
    )
    site.lab.restore(HOST)
    assert_healthy(area)


def test_a_name_that_nobody_knows(area: Area) -> None:
    finding = only(doctor(area, "-e", "ansible_host=no-such-host.invalid", expect=4))
    assert ": name: cannot reach h001" in finding["what"]
    assert finding["mend"].startswith("fleet doctor ")
    paste(area, finding["mend"].replace("ADDRESS", area.site.lab.host(HOST).address))


def test_a_port_where_something_else_listens(area: Area, host: LabHost) -> None:
    with socket.create_server((host.address, 0)) as server:
        threading.Thread(target=_answer, args=(server,), daemon=True).start()
        port = server.getsockname()[1]
        finding = only(doctor(area, "-e", f"ansible_port={port}", expect=4))
    assert ": banner: h001 " in finding["what"]
    assert "says '220 mail ready', which is not SSH" in finding["what"]


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    connection.sendall(b"220 mail ready")
    connection.close()


@pytest.mark.parametrize("changed", [False, True], ids=["unknown", "changed"])
def test_another_host_key(area: Area, site: Site, tmp_path: Path, *, changed: bool) -> None:
    known = site.lab.paths.known_hosts
    host = site.lab.host(HOST)
    name = f"[{host.address}]:{host.port}"
    others = [line for line in known.read_text().splitlines() if name not in line]
    mine = [f"{name} {keypair.write_new(tmp_path / 'other', 'other')}"] if changed else []
    known.write_text("".join(f"{line}\n" for line in (*others, *mine)))
    finding = only(doctor(area, expect=2))
    assert (": host key: the host key CHANGED" in finding["what"]) is changed
    paste(area, finding["mend"])
    assert_healthy(area)


def test_a_key_that_nobody_lets_in(area: Area, tmp_path: Path) -> None:
    keypair.write_new(tmp_path / "stranger", "stranger")
    words = ("-e", json.dumps({"ansible_ssh_private_key_file": str(tmp_path / "stranger")}))
    finding = only(doctor(area, *words, expect=2))
    assert ": login: h001 " in finding["what"]
    assert finding["mend"].startswith(f"ssh-copy-id -i {tmp_path}/stranger -p ")


def test_privileges_that_are_not_given(area: Area, host: LabHost) -> None:
    write_program(host, "sudo", "echo 'sudo: a password is required' >&2; exit 1")
    finding = only(doctor(area, "-b", expect=2))
    assert ": become: sudo does not let us be root" in finding["what"]
    assert finding["mend"].endswith(" -b --become-method sudo --become-user root -K")


def test_a_host_program_that_cannot_start(area: Area, host: LabHost) -> None:
    write_program(host, "gzip", "echo 'gzip: not found' >&2; exit 127")
    finding = only(doctor(area, expect=2))
    assert ": program: the host program did not start on h001" in finding["what"]


DATE = """\
[ "$1" != -u ] || shift
case ${{1-}} in
  -s) rm -f {shift} ;;
  +%s) if [ -e {shift} ]; then echo "$(($({date} +%s) - $(cat {shift})))"; else {date} +%s; fi ;;
  *) exec {date} "$@" ;;
esac
"""


@pytest.mark.parametrize(
    ("behind", "level"), [("120", "warning"), ("7200", "problem"), ("1700000000", "problem")]
)
def test_a_clock_that_is_wrong(area: Area, host: LabHost, behind: str, level: str) -> None:
    shift = host.home / "shift"
    shift.write_text(behind)
    write_program(host, "date", DATE.format(shift=shift, date=shutil.which("date")))
    finding = only(doctor(area, expect=2 if level == "problem" else 0))
    assert (finding["level"], finding["area"]) == (level, "clock")
    assert ("nobody has set it" in finding["what"]) is (behind == "1700000000")
    paste(area, finding["mend"])
    assert_healthy(area)


@contextmanager
def small_disk(folder: Path, *, read_only: bool = False) -> Iterator[None]:
    """Mount a small file system over a folder that keeps its content."""
    inside = shutil.copytree(folder, folder.with_name(f"{folder.name}.copy"), symlinks=True)
    _run("mount", "-t", "tmpfs", "-o", "size=8m", "small", str(folder))
    try:
        shutil.copytree(inside, folder, symlinks=True, dirs_exist_ok=True)
        if read_only:
            _run("mount", "-o", "remount,ro", str(folder))
        yield
    finally:
        _run("umount", "-l", str(folder))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


@as_root
def test_a_full_disk(area: Area, disk: Disk) -> None:
    folder = disk.state.parent
    with small_disk(folder):
        assert_healthy(area)
        ballast = folder / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(bytes(16 << 20))
        finding = only(doctor(area, expect=2))
        assert (finding["level"], finding["area"]) == ("problem", "disk")
        assert f"{folder}: 0 B of 8.0 MiB free" in finding["what"]
        paste(area, finding["mend"])
        ballast.unlink()
        assert_healthy(area)


@as_root
def test_a_disk_that_is_read_only(area: Area, disk: Disk) -> None:
    with small_disk(disk.root.parent, read_only=True):
        finding = only(doctor(area, expect=2))
        assert finding["what"] == f"{disk.root.parent} is mounted read-only"
        paste(area, finding["mend"])
        assert_healthy(area)


def test_a_damaged_release(area: Area, disk: Disk) -> None:
    (disk.root / "current/VERSION").write_text("9\n")
    finding = only(doctor(area, expect=2))
    assert (finding["area"], finding["package"]) == ("releases", "app")
    assert f"{disk.active} is not what was signed: VERSION is modified" in finding["what"]
    assert finding["mend"].startswith("fleet hosts repair ")
    paste(area, finding["mend"])
    assert_healthy(area)


def test_a_release_that_is_not_whole(area: Area, disk: Disk) -> None:
    (disk.root / "releases/9.9.9-abcdefabcdef/half").mkdir(parents=True)
    finding = only(doctor(area))
    assert finding["what"] == "begun and not whole, of no use: 9.9.9-abcdefabcdef"
    paste(area, finding["mend"])
    assert_healthy(area)


def test_a_release_to_go_back_to_that_is_gone(area: Area, disk: Disk) -> None:
    (disk.root / "previous").symlink_to("releases/0.9.0-abcdefabcdef")
    finding = only(doctor(area))
    assert "0.9.0-abcdefabcdef, which was active before, is gone" in finding["what"]
    paste(area, finding["mend"])
    assert_healthy(area)


def test_nothing_is_active(area: Area, disk: Disk) -> None:
    (disk.root / "current").unlink()
    finding = only(doctor(area))
    assert finding["what"] == "nothing is active"
    paste(area, finding["mend"])
    assert disk.version == OLD
    assert_healthy(area)


@pytest.mark.parametrize("record", ["lock", "seen", "last"])
def test_a_damaged_record(area: Area, disk: Disk, record: str) -> None:
    (disk.state / record).write_text("rm -rf /\n")
    finding = next(it for it in doctor(area, expect=2)["findings"] if it["level"] == "problem")
    assert finding["what"] == f"the record {disk.state}/{record} is damaged"
    paste(area, finding["mend"])
    assert_healthy(area)


SYSTEMCTL = """\
[ "$1" != restart ] || touch "$HOME/up"
if [ -e "$HOME/up" ]; then echo active; else echo inactive; exit 3; fi
"""


def test_a_service_that_is_down(site: Site, host: LabHost, area: Area) -> None:
    write_program(host, "service", '[ "$2" != restart ] || touch "$HOME/up"; [ -e "$HOME/up" ]')
    write_program(host, "systemctl", SYSTEMCTL)
    text = json.loads(area.plan.read_text())
    text["packages"]["app"]["restart"] = ["gateway.service", "a command", "{{ release.id }}"]
    area.plan.write_text(json.dumps(text))
    finding = only(doctor(area, expect=2))
    assert (finding["area"], finding["what"]) == ("services", "gateway.service is inactive")
    paste(area, finding["mend"])
    assert_healthy(area)


def test_a_lock_of_a_run_that_is_gone(area: Area, disk: Disk) -> None:
    hold_lock(disk)
    refused = area.apply("1.1.0", "-l", HOST, expect=2)
    assert "run r-gone" in refused.stdout
    finding = only(doctor(area, expect=2))
    assert finding["area"] == "lock"
    assert finding["what"].startswith("run r-gone (bob@lost) holds it since ")
    asked = area.fleet("hosts", "unlock", area.plan, HOST, expect=3)
    assert "its session is gone; no trial is on" in asked.stdout
    assert "hint: look who holds it, then give --yes" in asked.stderr
    assert (disk.state / "lock").exists()
    paste(area, finding["mend"])
    assert_healthy(area)
    entry = [entry for entry in disk.history if entry["op"] == "unlock"][-1]
    assert (entry["run"], entry["status"]) == ("r-gone", "ok")
    area.apply("1.1.0", "-l", HOST)


def test_a_run_at_work_is_locked_out_and_its_host_goes_back(area: Area, disk: Disk) -> None:
    disk.hold("post_activate")
    with area.start_apply("1.1.0") as controller:
        assert eventually(lambda: "post_activate 1.1.0" in disk.trace)
        found = doctor(area)
        assert trouble(found)[:2] == [("warning", "lock"), ("warning", "trial")]
        refused = area.fleet("hosts", "unlock", area.plan, HOST, "--yes", expect=2)
        assert "its session lives; a trial is on for " in refused.stdout
        assert "not unlocked: a trial of " in refused.stdout
        assert disk.on_trial
        forced = next(it["mend"] for it in found["findings"] if it["area"] == "lock")
        assert "--force" in forced
        paste(area, forced)
        disk.let_go("post_activate")
        assert controller.wait() == 2, controller.stdout
    assert (disk.version, disk.locked, disk.on_trial) == (OLD, False, False)
    assert_healthy(area)
    area.verify()


def test_a_trial_whose_watchdog_is_dead(area: Area, disk: Disk) -> None:
    disk.hold("post_activate")
    with area.start_apply("1.1.0") as controller:
        assert eventually(lambda: "post_activate 1.1.0" in disk.trace)
        controller.send(signal.SIGKILL)
    disk.let_go("post_activate")
    kill_all(f"{disk.state}/program")
    assert eventually(lambda: ("problem", "trial") in trouble(doctor(area, expect=None)))
    found = doctor(area, expect=2)["findings"]
    [dead] = [it for it in found if (it["level"], it["area"]) == ("problem", "trial")]
    paste(area, dead["mend"])
    assert disk.version == OLD
    assert ("problem", "trial") not in trouble(doctor(area, expect=None))
