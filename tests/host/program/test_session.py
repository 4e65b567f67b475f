"""Sessions: how requests come in, and what is sent to open one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from orchestrator.host.source import BOOTSTRAP, PARTS, program_line, program_text
from tests.host.program.builder import Release
from tests.host.program.driver import Place

OLD = Release(files={"app": b"one"})
DOC = Path(__file__).parents[3] / "docs/host-protocol.md"


def test_facts(place: Place) -> None:
    with place.session() as session:
        facts = session.ask("facts")
    assert facts.kernel == Path("/proc/sys/kernel/osrelease").read_text().strip()
    assert facts.hostname == Path("/proc/sys/kernel/hostname").read_text().strip()
    assert facts.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (facts.missing, facts.status) == ([], "ok")
    assert facts.memory_kib > facts.memory_available_kib > 0
    assert facts.uid == int(subprocess.check_output(["id", "-u"]))
    assert facts.init in ("systemd", "openrc", "other")
    assert facts.arch
    assert "ssh-keygen" in facts.tools


def test_says_what_is_missing(dash: Place, tmp_path: Path) -> None:
    lean = tmp_path / "lean"
    lean.mkdir()
    for tool in ("base64", "gzip", "date", "uname", "id", "mv", "grep"):
        found = shutil.which(tool)
        assert found
        (lean / tool).symlink_to(found)
    (lean / "sh").symlink_to(Path(dash.environment["PATH"].split(":")[0]) / "sh")
    dash.environment["PATH"] = str(lean)
    with dash.session(FLEET_DEBUG="") as session:
        missing = session.ask("facts").missing
    assert {"awk", "sed", "tar", "sha256sum"} <= set(missing)
    assert not {"gzip", "mv(-T)"} & set(missing)


def test_requests_may_be_written_ahead(place: Place) -> None:
    with place.session() as session:
        script = "sleep 0.3; echo slow"
        numbers = [session.request("check", script=script, timeout=9), session.request("ping")]
        numbers += [session.request("probe", **place.where(), **OLD.named())]
        assert [session.answer().id for _ in numbers] == numbers


def test_what_is_no_request_is_answered_and_harmless(place: Place, tmp_path: Path) -> None:
    with place.session() as session:
        for junk in ("", "touch pwned", "$(touch pwned)", "7$(touch pwned) ping", "7x ping"):
            session.send(junk.encode() + b"\n")
            assert session.answer().reason == "not a request"
        assert session.ask("fly").status == "error"
        assert session.ask("ping", unknown="x", PATH="/nowhere", UPPER="1").status == "ok"
        assert session.ask("check", script="true", timeout="soon").status == "error"
    assert not list(tmp_path.rglob("pwned"))
    assert not Path("pwned").exists()  # sessions begin in the folder of the tests


def test_a_request_that_cannot_be_read_is_answered(place: Place) -> None:
    with place.session(FLEET_DEBUG="") as session:
        for request in ("4 ping 'x", "4 ping $(", "4"):
            session.send(request.encode() + b"\n")
            answer = session.answer()
            assert (answer.id, answer.status) == (4, "ended")
        assert session.ask("ping").status == "ok"


def test_values_arrive_as_they_were_sent(place: Place) -> None:
    value = "a 'b' \"c\" $HOME `id` \\ \n new; & | * ? ~ % ü"
    with place.session() as session:
        answer = session.ask("check", script=f"cat <<'END'\n{value}\nEND", timeout=9)
    assert answer.tail == value


def test_a_session_that_is_never_used_ends(place: Place) -> None:
    with place.session() as session:
        session.hang_up()
        assert session.process.wait(10) == 0


def test_the_text_is_small_and_plain() -> None:
    text = program_text()
    assert not [line for line in text.splitlines() if line.startswith(("#", " ", "\t"))]
    assert program_line().count(b"\n") == 1
    assert len(program_line()) < 50_000
    assert program_line() == program_line()
    folder = Path(__file__).parents[3] / "orchestrator/host/program"
    assert sorted(PARTS) == sorted(path.name for path in folder.glob("*.sh"))


def test_the_documented_command_is_the_one_used() -> None:
    assert f"    {BOOTSTRAP}\n" in DOC.read_text()


def test_every_shell_takes_the_text(place: Place) -> None:
    run = subprocess.run(["sh", "-n"], input=program_text().encode(), env=place.environment)
    assert run.returncode == 0
