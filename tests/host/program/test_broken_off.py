"""Backups and restores that are broken off: data is wholly old or new, and its writer runs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.backing_up import (
    APP,
    backup,
    data_of,
    keys,
    left,
    restore,
    services,
    tree,
)
from tests.host.program.driver import Place, lose_watchdog, until

FOLDER = Path(__file__).parents[3] / "orchestrator/host/program"
POINTS = tuple(
    dict.fromkeys(
        point
        for part in ("backup.sh", "quiet.sh", "restore.sh")
        for point in re.findall(r"\bpoint (\w+)", (FOLDER / part).read_text())
    )
)


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_converges_and_the_service_runs(dash: Place, point: str) -> None:
    folder, other = data_of(dash), dash.home / "shared/other"
    other.mkdir()
    (other / "x").write_bytes(b"old")
    before = tree(folder), tree(other)
    killed = killed_at(dash, point, "backup", folder, other)
    with dash.session() as session:
        made = backup(dash, session, folder, other, **services(dash))
        assert made.status == "ok", made.fields
        (folder / "table").write_bytes(b"new")
        (other / "x").write_bytes(b"new")
        wrong = tree(folder), tree(other)
    killed += killed_at(dash, point, "restore", folder, other, backup=made.backup)
    assert (tree(folder), tree(other)) in (before, wrong)
    with dash.session() as session:
        back = restore(dash, session, made.backup, folder, other, **services(dash))
        assert back.status == "ok", back.fields
    assert (tree(folder), tree(other)) == before
    assert killed, f"nothing comes past {point}"
    assert not left(dash)


def broken_off(dash: Place, freeze: str) -> Path:
    """Break a restore off, and whatever minds the data, while that is made to stop."""
    folder = data_of(dash)
    mark = dash.home / "service"
    with dash.session() as session:
        made = backup(dash, session)
        (folder / "table").write_bytes(b"later")
        texts = services(dash) | {"freeze": freeze}
        session.request("restore", **dash.claim(backup=made.backup, **keys(dash, **texts)))
        until(mark.exists)
        lose_watchdog(dash)  # and who minds the data
        os.kill(int((dash.records / "busy").readlink().name.split(".")[1]), signal.SIGKILL)
        assert "ended on the host" in session.answer().reason
    return folder


def test_what_was_broken_off_before_all_had_stopped_replaces_nothing(dash: Place) -> None:
    mark = dash.home / "service"
    folder = broken_off(dash, f"echo stopping >{mark}; sleep 60")
    with dash.session() as session:
        assert backup(dash, session).status == "ok"
    assert (folder / "table").read_bytes() == b"later"
    assert mark.read_text() == "runs\n"


@pytest.mark.parametrize("begun", [False, True])
def test_after_a_boot_only_what_was_begun_is_finished(dash: Place, *, begun: bool) -> None:
    folder, other = data_of(dash), dash.home / "shared/other"
    other.write_bytes(b"old")
    texts = services(dash)
    with dash.session() as session:
        made = backup(dash, session, folder, other)
    (folder / "table").write_bytes(b"new")
    other.write_bytes(b"new")
    slow = {"thaw": f"while [ -e {dash.home}/gate ]; do sleep 0.05; done; {texts['thaw']}"}
    (dash.home / "gate").touch()
    with dash.session() as session:
        asked = keys(dash, folder, other, **texts | slow)
        session.request("restore", **dash.claim(backup=made.backup, **asked))
        until(lambda: other.read_bytes() == b"old")
        lose_watchdog(dash)
        os.kill(int((dash.records / "busy").readlink().name.split(".")[1]), signal.SIGKILL)
        assert "ended on the host" in session.answer().reason
    (dash.home / "gate").unlink()
    undo_swap(other)
    if not begun:
        undo_swap(folder)
    thaw = dash.records / "thaw"
    here = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    thaw.write_text(thaw.read_text().replace(here, "an-earlier-boot"))
    with dash.session() as session:
        assert dash.do(session, "withdraw", **APP.named()).status == "ok"
    assert other.read_bytes() == (b"old" if begun else b"new")
    assert (folder / "table").read_bytes() == (b"rows\n" * 1000 if begun else b"new")
    assert not left(dash)
    told = [json.loads(line) for line in (dash.records / "history.jsonl").read_text().splitlines()]
    [woken] = [line for line in told if line["at"] == "thaw"]
    assert ("nothing was replaced" in woken["reason"]) is not begun


def undo_swap(path: Path) -> None:
    """Have what a restore brought lie beside the data again, as before the swap."""
    beside = path.parent / f".{path.name}.fleet"
    [aside] = [it for it in beside.iterdir() if it.name != "new"]
    new = beside / f"new{path}"
    new.parent.mkdir(parents=True, exist_ok=True)
    path.rename(new)
    aside.rename(path)


def killed_at(dash: Place, point: str, operation: str, *paths: Path, **more: Any) -> int:
    """Do an operation that is killed at a point; return whether it was, once the service runs."""
    answered = False
    with contextlib.suppress(EOFError), dash.session(FLEET_KILL_POINT=point) as session:
        texts = services(dash)
        answer = session.ask(operation, **dash.claim(**keys(dash, *paths, **texts, **more)))
        answered = "ended on the host" not in answer.reason
    until(lambda: not (dash.records / "thaw").exists())
    mark = dash.home / "service"
    assert not mark.exists() or mark.read_text() == "runs\n"
    return not answered
