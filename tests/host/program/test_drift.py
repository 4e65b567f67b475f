"""What differs on a host from what was signed."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, Session

APP = Release(files={"bin/app": b"one", "etc/a.conf": b"a", "new\nline": b"n"}, links={"l": "bin"})


def test_only_what_changed_lately_is_hashed(place: Place) -> None:
    """A file's ctime cannot be set back; its bytes and size are made to lie for an older one."""
    with place.session() as session:
        place.install(session, APP)
        folder = place.release(APP)
        (folder / "bin/app").write_bytes(b"two")
        os.utime(folder / "bin/app", (1, 1))  # mtime may lie, ctime does not
        settled = time.time()
        while time.time() < int(settled) + 2.1:
            time.sleep(0.05)
        (folder / "etc/a.conf").write_bytes(b"b")
        late = session.ask("verify", **place.where(), within=1)
        soon = session.ask("verify", **place.where(), within=600)
        whole = session.ask("verify", **place.where())
    assert (late.modified, late.modified_count) == (["etc/a.conf"], 1)
    assert sorted(soon.modified) == sorted(whole.modified) == ["bin/app", "etc/a.conf"]


def test_what_is_missing_or_of_another_size_shows_whenever_it_happened(dash: Place) -> None:
    with dash.session() as session:
        dash.install(session, APP)
        folder = dash.release(APP)
        (folder / "bin/app").write_bytes(b"longer")
        (folder / "etc/a.conf").unlink()
        (folder / "l").unlink()
        found = session.ask("verify", **dash.where(), within=0)
    assert (found.modified, sorted(found.missing)) == (["bin/app"], ["etc/a.conf", "l"])


def test_a_mark_that_names_another_manifest_is_no_proof(dash: Place) -> None:
    other = Release(files={"bin/app": b"evil"})
    with dash.session() as session:
        dash.install(session, APP)
        own = dash.release(APP) / ".fleet"
        (own / "manifest.json").write_bytes(other.manifest)
        (own / "listing").write_bytes(other.listing)
        (own / "complete").write_text(f"1 {other.digest}\n")
        answer = session.ask("verify", **dash.where())
    assert answer.status != "ok"
    assert "is not named after manifest" in answer.reason


OLD = Release(
    files={"bin/app": b"one", "etc/a b": b"a", "etc/100%": b"p", "new\nline": b"n", "gone": b"g"},
    modes={"bin/app": 0o755},
    folders={"etc": 0o750},
)
NEW = replace(
    OLD,
    files={"bin/app": b"two", "etc/a b": b"a2", "etc/100%": b"p", "new\nline": b"n2", "new": b"x"},
    version="2.0.0",
)
CHANGED = ("etc/a b", "etc/100%25", "new%0Aline", "gone")


def change(folder: Path) -> None:
    """Change what CHANGED names, in all ways."""
    (folder / "etc/a b").write_bytes(b"mine")
    (folder / "etc/a b").chmod(0o640)
    (folder / "etc/100%").chmod(0o600)
    (folder / "new\nline").write_bytes(b"my line")
    (folder / "gone").write_bytes(b"my g")


def prepared(place: Place, session: Session) -> Path:
    place.install(session, OLD)
    change(place.release(OLD))
    return place.release(OLD)


def told(*paths: str) -> str:
    return "\n".join(paths)


def test_probe_tells_what_has_drifted_in_what_is_active(place: Place) -> None:
    with place.session() as session:
        folder = prepared(place, session)
        (folder / "bin/app").unlink()
        found = place.probe(session, NEW)
        glance = session.ask("probe", **place.where(), **NEW.named(), glance=1)
    assert found.proof == f"{OLD.id} is active"
    assert found.drift["listed"] is True
    assert sorted(found.drift["modified"]) == ["etc/a b", "gone", "new\nline"]
    assert found.drift["missing"] == ["bin/app"]
    assert found.drift["wrong_mode"] == ["etc/100%"]
    assert "etc/a b is modified" in found.drift["reason"]
    assert glance.drift is None


def test_nothing_is_laid_down_beside_changes_that_no_one_settled(place: Place) -> None:
    with place.session() as session:
        prepared(place, session)
        for paths in ("", told(*CHANGED[1:])):
            answer = place.stage(session, NEW, overwrite_paths=paths)
            assert answer.status == "no"
            assert answer.reason.startswith(f"the active release {OLD.id} has changed: ")
        assert not place.release(NEW).exists()


def test_changes_are_overwritten_and_their_bytes_kept_in_backups(place: Place) -> None:
    with place.session() as session:
        prepared(place, session)
        assert place.stage(session, NEW, overwrite_paths=told(*CHANGED)).status == "ok"
        assert place.stage(session, NEW, overwrite_paths=told(*CHANGED)).status == "ok"
        assert place.activate(session, NEW).status == "ok"
    NEW.written_in(place.release(NEW))
    (backup,) = place.records.glob(f"backups/*-{OLD.id}")
    found = {str(p.relative_to(backup)): p.read_bytes() for p in backup.rglob("*") if p.is_file()}
    assert found == {"etc/a b": b"mine", "new\nline": b"my line", "gone": b"my g"}


def test_changes_go_on_into_the_new_release(place: Place) -> None:
    with place.session() as session:
        prepared(place, session)
        place.install(session, NEW, "n2", keep_paths=told(*CHANGED))
        folder = place.release(NEW)
        assert (folder / "etc/a b").read_bytes() == b"mine"
        assert (folder / "etc/a b").stat().st_mode & 0o777 == 0o640
        assert (folder / "etc/100%").stat().st_mode & 0o777 == 0o600
        assert (folder / "new\nline").read_bytes() == b"my line"
        assert not (folder / "gone").exists()
        found = place.probe(session, NEW)
        assert (found.proved, found.drift) == (True, None)
        assert sorted(found.kept) == ["etc/100%", "etc/a b", "new\nline"]
        (folder / "etc/a b").write_bytes(b"mine, later")
        found = place.probe(session, NEW)
        assert (found.proved, found.drift["modified"]) == (False, ["etc/a b"])
    (backup,) = place.records.glob(f"backups/*-{OLD.id}")
    assert [path.name for path in backup.iterdir()] == ["gone"]


def test_a_staged_release_keeps_what_the_newest_request_says(dash: Place) -> None:
    with dash.session() as session:
        prepared(dash, session)
        assert dash.stage(session, NEW, keep_paths=told(*CHANGED)).status == "ok"
        assert dash.stage(session, NEW, overwrite_paths=told(*CHANGED)).status == "ok"
        assert dash.activate(session, NEW).status == "ok"
        assert dash.probe(session, NEW).kept == []
    NEW.written_in(dash.release(NEW))


def test_only_plain_files_are_kept(dash: Place) -> None:
    with dash.session() as session:
        dash.install(session, OLD)
        (dash.release(OLD) / "etc/a b").unlink()
        (dash.release(OLD) / "etc/a b").symlink_to("/etc/passwd")
        answer = dash.stage(session, NEW, keep_paths="etc/a b")
        assert (answer.status, answer.reason) == ("no", "only plain files can be kept: etc/a b ")


def test_what_changes_after_staging_is_not_activated_over(place: Place) -> None:
    with place.session() as session:
        prepared(place, session)
        assert place.stage(session, NEW, overwrite_paths=told(*CHANGED)).status == "ok"
        (place.release(OLD) / "etc/a b").write_bytes(b"evil")
        answer = place.activate(session, NEW)
        assert answer.status == "no"
        assert "has changed since this one was staged" in answer.reason
        assert place.active == OLD.id
        (place.release(OLD) / "etc/a b").write_bytes(b"mine")
        assert place.activate(session, NEW).status == "ok"


@pytest.mark.parametrize("key", ["keep_paths", "overwrite_paths"])
def test_the_way_back_leads_to_the_changes(place: Place, key: str) -> None:
    terms: dict[str, Any] = {key: told(*CHANGED)}
    with place.session() as session:
        folder = prepared(place, session)
        assert place.stage(session, NEW, **terms).status == "ok"
        assert place.activate(session, NEW, **terms).status == "ok"
        answer = place.revert(session)
        assert (answer.status, place.active) == ("ok", OLD.id), answer.fields
        assert (folder / "gone").read_bytes() == b"my g"


def test_there_is_no_way_back_to_something_else(dash: Place) -> None:
    with dash.session() as session:
        folder = prepared(dash, session)
        assert dash.stage(session, NEW, overwrite_paths=told(*CHANGED)).status == "ok"
        assert dash.activate(session, NEW).status == "ok"
        (folder / "gone").write_bytes(b"else")
        assert dash.revert(session).status == "stranded"


@pytest.mark.parametrize(("terms", "confirmed"), [({}, "no"), ({"keep_paths": "etc/a b"}, "ok")])
def test_what_is_kept_may_change_while_the_release_is_on_trial(
    dash: Place, terms: dict[str, Any], confirmed: str
) -> None:
    hook = 'echo rewritten >"$FLEET_CURRENT/etc/a b"'
    with dash.session() as session:
        dash.install(session, OLD)
        dash.stage(session, NEW)
        assert dash.activate(session, NEW, post_activate=hook, **terms).status == "ok"
        assert dash.activate(session, NEW, post_activate=hook, **terms).status == confirmed
        answer = dash.do(session, "confirm", **NEW.named(), nonce="n1", **terms)
        assert answer.status == confirmed


def test_a_listing_that_is_none_is_refused_beside_changes_and_nothing_of_it_is_run(
    place: Place,
) -> None:
    evil = replace(NEW, lines=("d 0755 ../$(touch pwned)",))
    with place.session() as session:
        folder = prepared(place, session)
        (folder / "new").write_bytes(b"in the way")
        answer = place.stage(session, evil, keep_paths=told(*CHANGED))
    assert (answer.status, answer.reason[:24]) == ("failed", "the release was refused:")
    assert not list(place.root.parent.rglob("pwned"))


def test_unmanaged_files_in_the_way_are_a_conflict(place: Place) -> None:
    clash = replace(
        NEW, files=NEW.files | {"same": b"s", "dir": b"d", "new 2": b"n"}, version="2.1.0"
    )
    with place.session() as session:
        place.install(session, OLD)
        folder = place.release(OLD)
        (folder / "same").write_bytes(b"s")
        (folder / "new").write_bytes(b"not x")
        (folder / "dir").mkdir()
        (folder / "elsewhere").write_bytes(b"?")
        for everything in (0, 1):
            answer = place.stage(session, clash, overwrite_all=everything)
            assert (answer.status, sorted(answer.conflicts)) == ("no", ["dir", "new"])
            assert "unmanaged ones of other content: " in answer.reason
        (folder / "new").write_bytes(b"x")
        (folder / "dir").rmdir()
        assert place.stage(session, clash).status == "ok"
        assert (folder / "elsewhere").read_bytes() == b"?"


def test_the_hosts_own_record_of_what_is_kept_proves_nothing(place: Place) -> None:
    """Whoever changes a file could write the record too: the request says what may stay."""
    evil = b"f 0644 4 " + sha256(b"evil").hexdigest().encode() + b" bin/app\n"
    with place.session() as session:
        assert place.stage(session, APP).status == "ok"
        folder = place.release(APP)
        (folder / "bin/app").write_bytes(b"evil")
        (folder / ".fleet/kept").write_bytes(evil)
        refused = place.activate(session, APP, keep_paths="etc/a.conf")
        assert (refused.status, place.active) == ("no", ""), refused.fields
        assert "local changes are kept that may not stay: bin/app is modified" in refused.reason
        assert place.activate(session, APP, keep_paths="bin/app").status == "ok"
        assert place.confirm(session, APP).status == "no"
        assert place.confirm(session, APP, keep_all=1).status == "ok"


def test_more_files_than_a_command_line_may_name(dash: Place) -> None:
    files = {f"{'x' * 240}/{'y' * 240}/{'z' * 240}{n}": b"a" for n in range(500)}
    old = Release(files=files)
    with dash.session() as session:
        small = (1 << 20, 1 << 20)  # a quarter of the stack is for what a command is told
        resource.prlimit(session.process.pid, resource.RLIMIT_STACK, small)
        dash.install(session, old)
        folder = dash.release(old)
        for path in files:
            (folder / path).write_bytes(b"b")
        staged = dash.stage(session, NEW, overwrite_all=1)
        assert staged.status == "ok", staged.reason
        (backup,) = dash.records.glob("backups/*")
        assert sum(path.read_bytes() == b"b" for path in backup.rglob("z*")) == len(files)
        (folder / path).write_bytes(b"c")
        assert "changed since this one was staged" in dash.activate(session, NEW).reason


def test_a_backup_that_finds_no_room_leaves_nothing(dash: Place) -> None:
    with dash.session() as session:
        dash.install(session, APP)
        (dash.release(APP) / "bin/app").write_bytes(bytes(4 << 20))
        (dash.records / "backups/1-1.0.0-abc.new").mkdir(parents=True)
        small = (2 << 20, 2 << 20)
        resource.prlimit(session.process.pid, resource.RLIMIT_FSIZE, small)
        answer = dash.stage(session, NEW, overwrite_all=1)
        assert (answer.status, dash.active) == ("failed", APP.id)
        assert "cannot be kept" in answer.reason
    assert not [*(dash.records / "backups").iterdir()]
