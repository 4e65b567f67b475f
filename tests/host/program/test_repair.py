"""Repair: what differs in the active release is put back, file by file, whatever interrupts it."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, Session

TEXT = Path(__file__).parents[3] / "orchestrator/host/program/repair.sh"
POINTS = tuple(dict.fromkeys(re.findall(r"^ +point (\w+)$", TEXT.read_text(), re.MULTILINE)))

APP = Release(
    files={
        "bin/app": b"app",
        "bin/sub/tool": b"tool",
        "etc/a b": b"a",
        "etc/100%": b"p",
        "new\nline": b"n",
        "whole": b"w",
    },
    modes={"bin/app": 0o755},
    links={"link": "bin/app", "etc/l i": "a b"},
    folders={"empty": 0o700, "etc": 0o750},
    shared=("data",),
)
OTHER = Release(files={"bin/app": b"other"}, version="1.1.0")


def hurt(folder: Path) -> None:
    """Damage nearly everything in every way; ``mine`` and ``bin/mine`` are no one's business."""
    (folder / "mine").write_bytes(b"mine")
    (folder / "bin/app").write_bytes(b"ap")
    shutil.rmtree(folder / "bin/sub")
    (folder / "bin/sub").symlink_to("/etc")
    (folder / "etc/a b").unlink()
    (folder / "etc/a b").mkdir()
    (folder / "etc/a b/inside").write_bytes(b"in")
    (folder / "etc/100%").chmod(0o600)
    (folder / "new\nline").write_bytes(b"x")
    (folder / "link").unlink()
    (folder / "link").symlink_to("etc")
    (folder / "etc/l i").unlink()
    (folder / "empty").rmdir()
    (folder / "etc").chmod(0o755)
    (folder / "data").unlink()


def damaged(place: Place, session: Session) -> Path:
    place.install(session, APP)
    hurt(place.release(APP))
    return place.release(APP)


def saved(place: Place) -> dict[str, bytes]:
    files = (p for p in place.records.glob("backups/*/**/*") if p.is_file() and not p.is_symlink())
    return {str(p.relative_to(place.records / "backups").as_posix()): p.read_bytes() for p in files}


def test_puts_everything_back(place: Place) -> None:
    with place.session() as session:
        folder = damaged(place, session)
        inode = (folder / "whole").stat().st_ino
        answer = place.repair(session, APP)
        assert (answer.status, answer.mended) == ("ok", 11), answer.fields
        found = place.probe(session, APP)
        assert (found.proved, found.lock) == (True, None)
        again = place.repair(session, APP, [])
        assert (again.status, again.mended, again.backup) == ("ok", 0, "")
    APP.written_in(folder)
    assert (folder / "mine").read_bytes() == b"mine"
    assert (folder / "whole").stat().st_ino == inode
    assert not (folder / ".fleet/mend").exists()
    names = {name.partition("/")[2]: data for name, data in saved(place).items()}
    assert names == {"bin/app": b"ap", "etc/a b/inside": b"in", "new\nline": b"x"}
    assert Path(answer.backup, "bin/sub").is_symlink()
    assert not Path("/etc/tool").exists()


def test_only_what_is_damaged_need_be_sent(place: Place) -> None:
    with place.session() as session:
        folder = damaged(place, session)
        lacking = place.repair(session, APP, ["bin/app"])
        assert (lacking.status, sorted(lacking.lacks)) == (
            "lacks",
            ["bin/sub/tool", "etc/a b", "new\nline"],
        )
        assert (folder / "bin/app").read_bytes() == b"ap"
        assert place.probe(session, APP).lock is None
        assert place.repair(session, APP, ["bin/app", *lacking.lacks]).status == "ok"
        assert place.probe(session, APP).proved


def test_a_release_that_is_gone_comes_back(place: Place) -> None:
    with place.session() as session:
        place.install(session, APP)
        shutil.rmtree(place.release(APP))
        assert place.repair(session, APP).status == "ok"
        assert place.probe(session, APP).proved
    APP.written_in(place.release(APP))


@pytest.mark.parametrize("name", ["manifest.json", "listing", "complete", "kept"])
def test_damaged_records_come_back(dash: Place, name: str) -> None:
    with dash.session() as session:
        dash.install(session, APP)
        (dash.release(APP) / ".fleet" / name).write_bytes(b"x\n")
        assert dash.repair(session, APP).status == "ok"
        assert dash.probe(session, APP).proved
        assert session.ask("verify", **dash.where()).proof == ""


def test_what_the_host_keeps_stays(place: Place) -> None:
    newer = Release(files=APP.files, version="2.0.0")
    with place.session() as session:
        place.install(session, APP)
        (place.release(APP) / "etc/a b").write_bytes(b"mine")
        (place.release(APP) / "etc/100%").write_bytes(b"my p")
        place.install(session, newer, "n2", keep_paths="etc/a b\netc/100%25")
        folder = place.release(newer)
        (folder / "new\nline").write_bytes(b"x")
        (folder / "whole").unlink()
        keeps = "etc/a b\nnew%0Aline\nwhole"
        answer = place.repair(session, newer, keep_paths=keeps)
        assert (answer.status, answer.mended) == ("ok", 2), answer.fields
        found = place.probe(session, newer)
        assert (found.kept, found.drift["modified"]) == (["etc/a b"], ["new\nline"])
        assert (folder / "etc/100%").read_bytes() == b"p"
        assert (folder / "etc/a b").read_bytes() == b"mine"
        assert (folder / "whole").read_bytes() == b"w"
        assert place.repair(session, newer, keep_all=1).mended == 0


def test_what_stands_where_a_folder_should_be_goes_to_backups_even_where_all_is_kept(
    place: Place,
) -> None:
    with place.session() as session:
        place.install(session, APP)
        folder = place.release(APP)
        shutil.rmtree(folder / "bin")
        (folder / "bin").write_bytes(b"mine")
        assert place.repair(session, APP, keep_all=1).status == "ok"
        assert place.probe(session, APP).proved
    assert b"mine" in saved(place).values()


def test_a_listing_that_is_none_is_refused_and_nothing_of_it_is_run(place: Place) -> None:
    evil = Release(
        files={"a": b"a"}, lines=("d 0755 ../$(touch pwned)", "d 0755 $(touch pwned)/..")
    )
    folder = place.release(evil) / ".fleet"
    folder.mkdir(parents=True)
    (folder / "complete").write_text(f"1 {evil.digest}\n")
    (place.home / "current").symlink_to(f"releases/{evil.id}")
    with place.session() as session:
        answer = place.repair(session, evil)
    assert (answer.status, answer.reason[:24]) == ("failed", "the release was refused:")
    assert not list(place.root.parent.rglob("pwned"))
    assert not Path("pwned").exists()


def test_refusals_leave_no_lock_and_nothing_changed(dash: Place) -> None:
    with dash.session() as session:
        folder = damaged(dash, session)
        wrong = dash.repair(session, OTHER)
        assert (wrong.status, wrong.reason) == ("no", f"{APP.id} is active, not {OTHER.id}")
        forged = Release(**{**vars(APP), "forged": {"bin/app": b"evil"}})
        assert dash.repair(session, forged).status == "lacks"
        data = APP.payload()[:60]
        cut = dash.do(session, "repair", data, bytes=len(data), **APP.named())
        assert cut.reason.startswith("the content did not arrive whole")
        dash.token = 0
        assert dash.probe(session, APP).lock is None
        assert dash.stage(session, OTHER, overwrite_all=1).status == "ok"
        dash.activate(session, OTHER)
        dash.token = 0
        trial = dash.do(session, "repair", data, bytes=len(data), run="r2", **OTHER.named())
        assert trial.status == "locked"
    assert (folder / "bin/app").read_bytes() == b"ap"


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_each_file_is_old_or_new(place: Place, point: str) -> None:
    with place.session() as session:
        folder = damaged(place, session)
    with contextlib.suppress(EOFError), place.session(FLEET_KILL_POINT=point) as session:
        answer = place.repair(session, APP)
        assert "ended on the host" in answer.reason, f"repair does not come past {point}"
    place.token = 0
    for name, data in APP.files.items():
        path = folder / name
        if path.is_file():
            assert path.read_bytes() in (data, b"ap", b"x"), name
    with place.session() as session:
        assert place.repair(session, APP).status == "ok"
        found = place.probe(session, APP)
        assert (found.proved, found.lock) == (True, None)
    APP.written_in(folder)
    assert b"ap" in saved(place).values()
    assert not (folder / ".fleet/mend").exists()
