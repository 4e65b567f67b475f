"""Hooks and checks: their text, time, output and processes."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, living, until

OLD = Release(files={"app": b"one"})

MEMORY = 64 << 20
"""Bytes of address space that any process of a session may have while output floods in."""


@pytest.mark.parametrize(
    ("script", "status", "reason"),
    [
        ("echo fine", "ok", "fine"),
        ("true", "ok", ""),
        ("echo a; echo 'b \"c\" \\d'; exit 1", "no", 'b "c" \\d'),
        ("echo soon; exit 21", "not-yet", "soon"),
        ("echo what; exit 3", "unknown", "exit status 3: what"),
        ("kill -9 $$", "unknown", "exit status 137"),
        ("no-such-command 2>/dev/null", "unknown", "exit status 127"),
        ("if", "unknown", None),
    ],
)
def test_a_check_answers(place: Place, script: str, status: str, reason: str | None) -> None:
    with place.session() as session:
        answer = session.ask("check", name="x", script=script, timeout=10)
    assert answer.status == status
    assert reason is None or answer.reason == reason


def test_a_check_has_its_environment_folder_and_shell(place: Place, tmp_path: Path) -> None:
    script = 'printf "%s|" "$A" "$B" "$PWD" "${LC_ALL-none}" "$0"; cat; umask'
    env = "export A='x\"y'\nexport B='line 1\nline 2'\n"
    with place.session() as session:
        answer = session.ask("check", script=script, env=env, in_=tmp_path, timeout=10)
        there = session.ask("check", script="exit 0", in_="/no/such/folder", timeout=10)
        root = session.ask("check", script="pwd", timeout=10)
    assert answer.tail == f'x"y|line 1\nline 2|{tmp_path}|none|/dev/fd/9|0022'
    assert (there.status, there.reason) == ("unknown", "exit status 125: no folder /no/such/folder")
    assert root.tail == "/"


def test_a_login_locale_is_given_back(dash: Place) -> None:
    with dash.session(LC_ALL="C.UTF-8") as session:
        assert session.ask("check", script="echo $LC_ALL", timeout=10).tail == "C.UTF-8"


def test_long_texts_fit(place: Place) -> None:
    script = "# padding\n" * 20000 + "echo end"
    with place.session() as session:
        assert session.ask("check", script=script, timeout=20).tail == "end"


def test_no_text_shows_in_the_list_of_processes(place: Place, tmp_path: Path) -> None:
    script = "SECRET=hunter2; touch begun; sleep 60; echo $SECRET hunter3"
    with place.session() as session:
        session.request("check", script=script, env="X=hunter4", in_=tmp_path, timeout=60)
        until((tmp_path / "begun").exists)
        shown = living(str(tmp_path)).values()
        assert len(shown) > 1
        assert not [command for command in shown if "hunter" in command]


def test_output_comes_as_it_is_printed(place: Place, tmp_path: Path) -> None:
    script = "echo one; until [ -e go ]; do sleep 0.05; done; printf 'two\\n\\nthree'"
    with place.session() as session:
        session.request("check", script=script, in_=tmp_path, timeout=20, live=1)
        assert session.line()["output"] == "one"
        (tmp_path / "go").touch()
        answer = session.answer()
    assert (answer.live, answer.tail) == (["two", "", "three"], "one\ntwo\n\nthree")


def test_output_in_any_bytes_is_json(place: Place) -> None:
    script = (
        r"printf 'a\001\033[1m\tb\302\251 \360\237\230\200 \377\300\200\355\240\200\177\r\n\\q'"
    )
    with place.session() as session:
        answer = session.ask("check", script=script, timeout=10, live=1)
    expected = "a\x01\x1b[1m\tb© 😀 ??????\x7f\r\n\\q"
    assert answer.tail == expected
    assert answer.live == expected.split("\n")


def test_the_last_of_long_output_is_kept(place: Place) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done"
    with place.session() as session:
        quiet = session.ask("check", script=script, timeout=30)
        live = session.ask("check", script=script, timeout=30, live=1)
    whole = "".join(f"line {n}\n" for n in range(3000))
    for answer in (quiet, live):
        assert answer.status == "ok"
        assert 8000 <= len(answer.tail) <= 8192
        assert whole.rstrip().endswith(answer.tail.lstrip())
    assert live.live == [f"line {n}" for n in range(1000)]


@pytest.mark.parametrize(
    ("flood", "live"),
    [("yes", 0), ("yes", 1), ("yes | tr -d '\\n'", 1), ("cat /dev/zero", 0), ("cat /dev/zero", 1)],
)
def test_a_flood_is_cut_off_in_bounded_memory(place: Place, flood: str, live: int) -> None:
    with place.session() as session:
        resource.prlimit(session.process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        answer = session.ask("check", script=flood, timeout=1, live=live)
        assert (answer.status, answer.reason) == ("unknown", "timed out after 1 s")
        assert 1000 < len(answer.tail) <= 8192
        assert len(answer.live) <= 1000


@pytest.mark.parametrize("stubborn", ["trap '' TERM;", ""])
def test_a_timeout_ends_grandchildren_too(dash: Place, tmp_path: Path, stubborn: str) -> None:
    script = f"({stubborn} sleep 61 & sleep 62) & echo begun; sleep 63"
    with dash.session() as session:
        answer = session.ask("check", script=script, in_=tmp_path, timeout=1)
        assert (answer.status, answer.tail) == ("unknown", "begun")
        assert not sleeping(tmp_path)


def sleeping(folder: Path) -> list[int]:
    return [n for n, command in living(str(folder)).items() if command.startswith("sleep 6")]


def test_a_service_that_keeps_the_output_open_holds_nothing_up(
    place: Place, tmp_path: Path
) -> None:
    script = "setsid sleep 64 & echo $! >pid; echo started"
    with place.session() as session:
        before = time.monotonic()
        answer = session.ask("check", script=script, in_=tmp_path, timeout=30)
        assert (answer.status, answer.reason) == ("ok", "started")
        assert time.monotonic() - before < 10
        hidden = session.ask("ping")
        assert hidden.status == "ok"
    service = int((tmp_path / "pid").read_text())
    os.kill(service, signal.SIGKILL)


def test_the_end_of_input_ends_a_running_hook(place: Place, tmp_path: Path) -> None:
    check_end_of_input(place, tmp_path, "")


def test_the_end_of_input_ends_a_stubborn_hook(dash: Place, tmp_path: Path) -> None:
    check_end_of_input(dash, tmp_path, "trap '' TERM;")


def check_end_of_input(place: Place, tmp_path: Path, trap: str) -> None:
    service = "setsid sleep 68 & echo $! >$FLEET_SHARED/service"
    hook = f"{trap} {service}; (sleep 65 & sleep 66) & touch $FLEET_SHARED/begun; sleep 67"
    with place.session() as session:
        place.stage(session, OLD)
        keys = place.claim(live=1) | OLD.named() | {"nonce": "n1", "deadline": 60}
        session.request("activate", **keys, pre_activate=hook)
        until((place.home / "shared/begun").exists)
    served = int((place.home / "shared/service").read_text())
    assert sleeping(tmp_path) == [served]
    os.kill(served, signal.SIGKILL)
    with place.session() as session:
        assert place.probe(session, OLD).trial["nonce"] == "n1"
        place.token = 0
        assert place.activate(session, OLD).status == "ok"


def test_the_loss_of_both_ends_ends_a_running_hook(place: Place, tmp_path: Path) -> None:
    script = "touch begun; while :; do echo flood; sleep 0.01; done"
    with place.session() as session:
        session.request("check", script=script, in_=tmp_path, timeout=60, live=1)
        until((tmp_path / "begun").exists)
        assert session.process.stdout
        session.process.stdout.close()
    assert not living(str(tmp_path))
