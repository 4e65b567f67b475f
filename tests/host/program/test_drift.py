"""What differs on a host from what was signed."""

from __future__ import annotations

import os
import time

from tests.host.program.builder import Release
from tests.host.program.driver import Place

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
