"""What arrives, by every means: whole, in two halves, damaged, or against the wrong base."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, until
from tests.host.program.patches import parts, patch, whole
from tests.host.program.test_stage import HOSTILE_TREE, small_disk

CHANCE = random.Random(7)
BIG = bytes(CHANCE.choices(b"abcdefgh", k=300_000))
OLD = Release(
    files={"bin/app": BIG, "etc/conf": b"old\n", "etc/gone": b"gone\n", "same": b"same"},
    modes={"bin/app": 0o755},
    links={"l": "same"},
)
NEW = replace(
    OLD,
    version="2.0.0",
    files={
        "bin/app": BIG[:100_000] + b"patched" + BIG[100_000:],
        "etc/new/conf": b"new\n",
        "etc/empty": b"",
        "more": BIG[:200_000],
        "moved": b"same",
    },
    modes={"bin/app": 0o700, "etc/new/conf": 0o600},
    links={"l": "moved"},
    folders={"etc/new": 0o750},
)
FAT = Release(files={"fat": CHANCE.randbytes(3 << 20)}, version="3.0.0")
ODD = replace(
    HOSTILE_TREE,
    version="2.0.0",
    files={**HOSTILE_TREE.files, "semi;colon&|<>": b"changed", "n": b"n"},
)


def equipped(place: Place, tmp_path: Path, *tools: str) -> Place:
    """Let the host have these tools, and of zstd, xz and python3 no others."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for folder in map(Path, reversed(place.environment["PATH"].split(":"))):
        for tool in folder.glob("*"):
            if tool.name not in ("zstd", "xz", "python3"):
                (shelf / tool.name).unlink(missing_ok=True)
                (shelf / tool.name).symlink_to(tool.resolve() if tool.name != "sh" else tool)
    for name in tools:
        (shelf / name).symlink_to(shutil.which(name, path=os.defpath) or f"no {name}")
    place.environment["PATH"] = str(shelf)
    return place


@pytest.mark.parametrize("means", ["gzip", "xz", "zstd"])
def test_full_content_by_every_means(place: Place, tmp_path: Path, means: str) -> None:
    equipped(place, tmp_path, *(() if means == "gzip" else (means,)))
    with place.session() as session:
        answer = whole(NEW, means).send(place, session)
        assert (answer.status, answer.received) == ("ok", 5), answer.fields
    NEW.written_in(place.release(NEW))
    assert not (place.records / "incoming").exists()


@pytest.mark.parametrize(("means", "tool"), [("zstd-patch", "zstd"), ("bsdiff", "python3")])
def test_a_patch_by_every_means(place: Place, tmp_path: Path, means: str, tool: str) -> None:
    equipped(place, tmp_path, tool)
    delivery = patch(OLD, NEW, means)
    assert len(delivery.data) < 3000
    with place.session() as session:
        place.install(session, OLD)
        answer = delivery.send(place, session)
        assert (answer.status, answer.received, answer.reused) == ("ok", 4, 1), answer.fields
    NEW.written_in(place.release(NEW))
    OLD.written_in(place.release(OLD))
    assert not (place.records / "incoming").exists()


def test_a_patch_of_a_release_with_odd_names(place: Place, tmp_path: Path) -> None:
    equipped(place, tmp_path, "zstd")
    with place.session() as session:
        place.stage(session, HOSTILE_TREE)
        answer = patch(HOSTILE_TREE, ODD).send(place, session)
        assert (answer.status, answer.received) == ("ok", 2), answer.fields
    ODD.written_in(place.release(ODD))
    assert not list(place.root.rglob("pwned"))


def spoilt_base(place: Place) -> None:
    (place.release(OLD) / "etc/conf").write_bytes(b"mine")


def spoilt_listing(place: Place) -> None:
    (place.release(OLD) / ".fleet/listing").write_bytes(b"")


def pipe_in_base(place: Place) -> None:
    (place.release(OLD) / "etc/conf").unlink()
    os.mkfifo(place.release(OLD) / "etc/conf")


def no_mark(place: Place) -> None:
    (place.release(OLD) / ".fleet/complete").unlink()


@pytest.mark.parametrize("spoil", [spoilt_base, spoilt_listing, pipe_in_base, no_mark])
def test_a_wrong_base_is_noticed(place: Place, tmp_path: Path, spoil: Any) -> None:
    equipped(place, tmp_path, "zstd")
    with place.session() as session:
        place.stage(session, OLD)
        spoil(place)
        answer = patch(OLD, NEW).send(place, session)
        assert (answer.status, answer.reason) == (
            "lacks",
            f"the host has not the base of the patch: {OLD.id}",
        )
        assert not parts(place)
        assert whole(NEW).send(place, session).status == "ok"
    NEW.written_in(place.release(NEW))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"picks": "1-2,$(touch pwned)"}, "the host has not the base of the patch: "),
        ({"base": "../x"}, "the host has not the base of the patch: "),
        ({"heads": "1 2"}, "the patch did not give a release"),
        ({"heads": "10 10 10"}, "the patch did not give "),
        ({"means": "bsdiff", "script": "raise SystemExit(1)"}, "the patch cannot be undone on "),
        ({"means": "bsdiff", "script": "print('junk')"}, "the patch did not give the release: "),
    ],
)
def test_a_patch_that_leads_astray(dash: Place, changes: dict[str, Any], said: str) -> None:
    with dash.session() as session:
        dash.stage(session, OLD)
        answer = patch(OLD, NEW).send(dash, session, **changes)
        assert answer.status == "lacks"
        assert answer.reason.startswith(said)
        assert dash.probe(session, NEW).releases == [OLD.id]
        assert whole(NEW).send(dash, session).status == "ok"
    assert not list(dash.root.parent.rglob("pwned"))


def test_a_patch_cannot_write_outside(dash: Place) -> None:
    evil = replace(NEW, files={**NEW.files, "../../../../outside": b"x", ".fleet/complete": b"x"})
    with dash.session() as session:
        dash.stage(session, OLD)
        answer = patch(OLD, evil).send(dash, session)
        assert (answer.status, answer.reason) == ("lacks", "the patch did not give a release")
    assert not list(dash.root.parent.rglob("outside"))


def test_what_the_host_cannot_undo_is_asked_for_in_full(place: Place, tmp_path: Path) -> None:
    equipped(place, tmp_path)
    with place.session() as session:
        place.stage(session, OLD)
        for means in ("zstd-patch", "bsdiff"):
            answer = patch(OLD, NEW, means).send(place, session)
            assert answer.status == "lacks"
            assert "cannot be undone" in answer.reason
        assert place.stage(session, NEW).status == "ok"


def test_facts_tell_of_patches(dash: Place, tmp_path: Path) -> None:
    with dash.session() as session:
        assert session.ask("facts").zstd_patch is True
    old = equipped(dash, tmp_path)
    (tmp_path / "shelf/zstd").write_text("#!/bin/sh\necho --ultra\n")
    (tmp_path / "shelf/zstd").chmod(0o755)
    with old.session() as session:
        assert session.ask("facts").zstd_patch is False


def cut(place: Place, delivery: Any, at: int, offset: int = 0) -> None:
    """Begin a transfer that is broken off at a byte."""
    part = place.records / f"incoming/{delivery.keys['sha256']}.part"
    with place.session() as session:
        keys = place.claim(**delivery.request(offset))
        session.request("stage", delivery.data[offset:at], **keys)
        until(part.exists)
        session.hang_up()
        assert session.answer().status == "failed"
    assert part.stat().st_size == at


def test_a_broken_transfer_goes_on(place: Place) -> None:
    delivery = whole(NEW)
    first, second = len(delivery.data) // 3, len(delivery.data) // 2
    cut(place, delivery, first)
    with place.session() as session:
        found = place.probe(session, NEW).part
    assert found == {"size": first, "sha256": delivery.keys["sha256"]}
    cut(place, delivery, second, first)
    with place.session() as session:
        assert place.probe(session, NEW).part["size"] == second
        assert delivery.send(place, session, second).status == "ok"
        assert place.probe(session, NEW).part is None
    NEW.written_in(place.release(NEW))


def test_when_all_had_arrived_nothing_more_is_sent(place: Place) -> None:
    delivery = whole(NEW)
    size = len(delivery.data)
    cut(place, delivery, size - 1)
    (part,) = parts(place)
    part.write_bytes(delivery.data)
    with place.session() as session:
        assert place.probe(session, NEW).part["size"] == size
        assert delivery.send(place, session, size).status == "ok"
        assert session.ask("ping").status == "ok"
    NEW.written_in(place.release(NEW))


def test_what_came_beyond_is_forgotten(place: Place) -> None:
    delivery = whole(NEW)
    cut(place, delivery, 30_000)
    with place.session() as session:
        assert delivery.send(place, session, 20_000).status == "ok"


def test_less_than_was_thought_is_asked_for_in_full(place: Place) -> None:
    delivery = whole(NEW)
    cut(place, delivery, 30_000)
    with place.session() as session:
        answer = delivery.send(place, session, 40_000)
        assert (answer.status, parts(place)) == ("lacks", [])
        assert session.ask("ping").status == "ok"
        assert delivery.send(place, session).status == "ok"


def test_damage_on_the_way_is_noticed(place: Place) -> None:
    delivery = whole(NEW)
    with place.session() as session:
        damaged = replace(delivery, data=delivery.data[:-20] + bytes(20))
        answer = damaged.send(place, session)
        assert (answer.status, answer.reason) == ("lacks", "the content that arrived is damaged")
        assert not parts(place)
        assert place.probe(session, NEW).releases == []
        assert delivery.send(place, session).status == "ok"


def test_one_part_is_kept_and_withdrawing_removes_it(place: Place) -> None:
    cut(place, whole(OLD), 10_000)
    cut(place, whole(NEW), 20_000)
    (part,) = parts(place)
    assert part.stat().st_size == 20_000
    with place.session() as session:
        assert place.do(session, "withdraw", **NEW.named()).status == "ok"
    assert not parts(place)


def test_without_room_for_the_spool(place: Place, tmp_path: Path) -> None:
    equipped(place, tmp_path, "zstd")
    room = {"need_kib": 1, "spool_kib": 10**12}
    with place.session() as session:
        assert whole(OLD).send(place, session, **room).status == "ok"
        answer = patch(OLD, NEW).send(place, session, **room)
        assert (answer.status, "KiB are needed" in answer.reason) == ("lacks", True)
        assert whole(NEW).send(place, session, need_kib=10**12).status == "no"
        assert whole(NEW).send(place, session, **room).status == "ok"
    NEW.written_in(place.release(NEW))


def test_a_full_disk_while_it_arrives_leaves_the_host_as_it_was(place: Place) -> None:
    with small_disk(place.state), place.session() as session:
        place.install(session, OLD)
        answer = whole(FAT).send(place, session)
        assert answer.status == "failed"
        assert "did not arrive whole" in answer.reason
        assert session.ask("ping").status == "ok"
        assert place.do(session, "withdraw", **FAT.named()).status == "ok"
        assert not parts(place)
        assert place.probe(session, OLD).proved
        assert place.stage(session, FAT).status == "ok"


@pytest.mark.parametrize(
    "changes",
    [
        {"means": "carrier pigeon"},
        {"sha256": "../x"},
        {"offset": "-1"},
        {"spool_kib": "x"},
        {"means": "zstd-patch", "sha256": ""},
    ],
)
def test_terms_that_make_no_sense(dash: Place, changes: dict[str, Any]) -> None:
    with dash.session() as session:
        delivery = whole(NEW)
        keys = delivery.request() | changes
        assert dash.do(session, "stage", delivery.data, **keys).status == "error"
        assert session.ask("ping").status == "ok"
