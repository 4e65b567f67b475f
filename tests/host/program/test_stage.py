"""Staging: laid down whole and proved, or not at all."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place

HOSTILE = (
    "with space",
    " leading and trailing ",
    "-n",
    "--help",
    "new\nline",
    "a folder\nin two/and \\ a file\n",
    "quote'\"`$(touch pwned)",
    "back\\slash\\n",
    "per%cent%0Aand%25",
    "grüße/😀",
    "*?[a]",
    "semi;colon&|<>",
    "!bad name",
    "~",
    "=1 2",
    "{a,b}",
)
HOSTILE_TREE = Release(
    files={name: name.encode() for name in HOSTILE},
    modes={"-n": 0o755, "new\nline": 0o600},
    links={"l i\nn k": "with space", "sub/l": "../new\nline", "p%": "per%cent%0Aand%25"},
    folders={"empty": 0o755, "-empty \n": 0o700, "deep/er/empty": 0o750},
    shared=("data", "var/my data\n", "per%cent shared"),
)
PLAIN = Release(
    files={"bin/app": b"#!/bin/sh\necho 1\n", "etc/app.conf": b"a=1\n", "lib/x": b""},
    modes={"bin/app": 0o755},
    links={"bin/link": "app"},
)
NEXT = replace(PLAIN, files=PLAIN.files | {"bin/app": b"#!/bin/sh\necho 2\n"}, version="2.0.0")


@pytest.mark.parametrize("release", [PLAIN, HOSTILE_TREE, Release()], ids=["plain", "odd", "empty"])
def test_lays_down_what_the_manifest_says(place: Place, release: Release) -> None:
    with place.session() as session:
        first = place.stage(session, release)
        again = place.stage(session, release)
        probe = place.probe(session, release)
    assert (first.status, first.received, first.reused) == ("ok", len(release.files), 0)
    assert (again.status, again.reason, again.received) == ("ok", "already staged", 0)
    assert probe.releases == [release.id]
    release.written_in(place.release(release))
    assert not list(place.root.rglob("pwned"))


@pytest.mark.parametrize("base", [PLAIN, HOSTILE_TREE], ids=["plain", "odd"])
def test_takes_from_other_releases_what_is_not_sent(place: Place, base: Release) -> None:
    changed = next(iter(base.files))
    moved = {"moved/to here": base.files[changed], "new": b"new"}
    after = replace(base, files=base.files | {changed: b"changed"} | moved, version="2.0.0")
    with place.session() as session:
        place.stage(session, base)
        answer = place.stage(session, after, ["new", changed])
    assert (answer.status, answer.received) == ("ok", 2), answer.fields
    assert answer.reused == len(after.files) - 2
    after.written_in(place.release(after))
    base.written_in(place.release(base))
    for path in base.files:
        assert (place.release(base) / path).stat().st_nlink == 1


def test_a_mode_alone_may_differ_from_the_other_release(place: Place) -> None:
    after = replace(PLAIN, modes={"bin/app": 0o700, "lib/x": 0o600}, version="2.0.0")
    with place.session() as session:
        place.stage(session, PLAIN)
        assert place.stage(session, after, []).status == "ok"
    after.written_in(place.release(after))


def test_says_what_it_lacks_and_takes_all_of_it_then(place: Place) -> None:
    with place.session() as session:
        answer = place.stage(session, HOSTILE_TREE, ["-n"])
        assert answer.status == "lacks"
        assert sorted(answer.lacks) == sorted(set(HOSTILE) - {"-n"})
        assert place.probe(session, HOSTILE_TREE).releases == []
        assert place.stage(session, HOSTILE_TREE).status == "ok"
    HOSTILE_TREE.written_in(place.release(HOSTILE_TREE))


def test_does_not_trust_what_it_copied(place: Place) -> None:
    with place.session() as session:
        place.stage(session, PLAIN)
        (place.release(PLAIN) / "etc/app.conf").write_bytes(b"a=2\n")
        answer = place.stage(session, NEXT, ["bin/app"])
        assert (answer.status, answer.lacks) == ("lacks", ["etc/app.conf"])
        assert place.stage(session, NEXT).status == "ok"


def test_a_damaged_complete_release_is_kept_and_laid_down_anew(place: Place) -> None:
    with place.session() as session:
        place.stage(session, PLAIN)
        (place.release(PLAIN) / "etc/app.conf").write_bytes(b"mine\n")
        assert place.stage(session, PLAIN).status == "ok"
    PLAIN.written_in(place.release(PLAIN))
    (kept,) = place.records.glob(f"backups/*-{PLAIN.id}/etc/app.conf")
    assert kept.read_bytes() == b"mine\n"


def test_never_writes_to_the_active_release(place: Place) -> None:
    with place.session() as session:
        place.install(session, PLAIN)
        assert place.stage(session, PLAIN).reason == "already staged"
        (place.release(PLAIN) / "etc/app.conf").write_bytes(b"a=2\n")
        answer = place.stage(session, PLAIN)
    assert answer.status == "no"
    assert "etc/app.conf is modified" in answer.reason
    assert (place.release(PLAIN) / "etc/app.conf").read_bytes() == b"a=2\n"


LISTINGS = {
    "climbs": "f 0644 0 {empty} ../x",
    "climbs in the middle": "f 0644 0 {empty} a/../../x",
    "absolute": "f 0644 0 {empty} /tmp/x",
    "empty component": "f 0644 0 {empty} a//x",
    "dot": "f 0644 0 {empty} ./x",
    "ours": "f 0644 0 {empty} .fleet/complete",
    "ours in capitals": "f 0644 0 {empty} .FLEET/complete",
    "twice": "f 0644 0 {empty} bin/app",
    "case": "f 0644 0 {empty} BIN/app",
    "below a file": "f 0644 0 {empty} lib/x/y",
    "below a link": "f 0644 0 {empty} bin/link/y",
    "link to the root": "l /etc x",
    "link outside": "l ../x y",
    "link outside from below": "l ../../x a/y",
    "link outside by detour": "l a/../../x y",
    "link outside through a link": "l link/../../.. bin/y",
    "shared outside": "s ../x",
    "setuid": "f 4755 0 {empty} x",
    "device": "c 0644 1 3 null",
    "short hash": "f 0644 0 abc x",
    "bad escape": "f 0644 0 {empty} x%0",
    "command": "f 0644 $(touch/tmp/pwned) {empty} x",
    "nothing": "",
}
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("line", LISTINGS.values(), ids=LISTINGS.keys())
def test_refuses_a_listing_that_leads_astray(dash: Place, line: str) -> None:
    check_refused_listing(dash, line)


def test_refuses_a_listing_in_every_shell(place: Place) -> None:
    for name in ("climbs", "below a link", "link outside through a link", "case"):
        check_refused_listing(place, LISTINGS[name])


def check_refused_listing(place: Place, line: str) -> None:
    bad = replace(PLAIN, lines=(line.format(empty=EMPTY),))
    with place.session() as session:
        answer = place.stage(session, bad)
        assert answer.status == "failed"
        assert "its listing is unusable" in answer.reason
        assert place.probe(session, bad).releases == []
    assert not list(place.root.parent.glob("x"))


def test_links_through_links_may_stay_inside(place: Place) -> None:
    links = {"a/b": "../c/d", "e": "a/b/../f", "top": ".", "bin/link": "./app", "out/in": "../e"}
    release = replace(PLAIN, links=links, folders={"c/d": 0o755, "c/f": 0o755})
    with place.session() as session:
        assert place.stage(session, release).status == "ok"
    release.written_in(place.release(release))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (".fleet/manifest.json", "its manifest.json is not the one that was asked for"),
        (".fleet/listing", "its listing is not the one in its manifest"),
    ],
)
def test_refuses_a_forged_chain(place: Place, path: str, said: str) -> None:
    with place.session() as session:
        answer = place.stage(session, replace(PLAIN, forged={path: b'{"listing":"0"}'}))
    assert (answer.status, answer.reason) == ("failed", f"the release was refused: {said}")


@pytest.mark.parametrize("data", [b"#!/bin/sh\necho 2\n", b"longer than what it should be\n"])
def test_refuses_forged_bytes(place: Place, data: bytes) -> None:
    with place.session() as session:
        answer = place.stage(session, replace(PLAIN, forged={"bin/app": data}))
        assert (answer.status, answer.lacks) == ("lacks", ["bin/app"])
        assert place.stage(session, PLAIN).status == "ok"


def test_refuses_a_release_not_named_after_its_manifest(dash: Place) -> None:
    with dash.session() as session:
        keys = PLAIN.named() | {"release": "1.0.0-abcdefabcdef"}
        answer = dash.do(session, "stage", bytes=0, **keys)
    assert answer.status == "error"


def test_a_payload_that_is_no_archive_leaves_the_session_in_step(place: Place) -> None:
    junk = b"7 ping\n" * 20000
    with place.session() as session:
        answer = place.do(session, "stage", junk, bytes=len(junk), **PLAIN.named())
        assert answer.status == "failed"
        assert place.stage(session, PLAIN).status == "ok"


def test_refuses_before_the_first_write_when_there_is_no_room(place: Place) -> None:
    with place.session() as session:
        answer = place.stage(session, PLAIN, need_kib=10**12)
        assert answer.status == "no"
        assert "KiB are needed" in answer.reason
        assert session.ask("ping").status == "ok"
    assert not place.root.exists()


def test_a_full_disk_ends_as_failed_and_converges(place: Place) -> None:
    big = Release(files={"big": os.urandom(3 << 20), "small": b"x"})
    with small_disk(place.root), place.session() as session:
        answer = place.stage(session, big)
        assert answer.status == "failed", answer.fields
        assert session.ask("ping").status == "ok"
        assert place.do(session, "withdraw", **big.named()).status == "ok"
        assert place.stage(session, PLAIN).status == "ok"


def test_a_full_disk_for_state_keeps_a_trial_from_beginning_and_none_from_ending(
    place: Place,
) -> None:
    with small_disk(place.state), place.session() as session:
        place.install(session, PLAIN)
        assert place.stage(session, NEXT).status == "ok"
        with full(place.records):
            assert place.activate(session, NEXT).status == "no"
        assert place.active == PLAIN.id
        assert place.probe(session, PLAIN).proved
        assert place.activate(session, NEXT).status == "ok"
        with full(place.records):
            assert place.revert(session).status == "ok"
        assert place.probe(session, PLAIN).proved


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Put a file system of 2 MiB at a folder; for want of root, limit the size of files."""
    folder.mkdir()
    if os.getuid():
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, before[1]))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return
    options = ["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"]
    subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Let nothing more be written to a folder on a small disk."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while not os.getuid():
            file.write(bytes(4096))
    folder.chmod(0o500)
    yield
    folder.chmod(0o700)
    filler.unlink()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two private keys."""
    folder = tmp_path_factory.mktemp("keys")
    made = []
    for name in ("ours", "theirs"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
        made.append(folder / name)
    return made[0], made[1]


def signers(key: Path) -> str:
    public = key.with_suffix(".pub").read_text()
    return f'release@example namespaces="fleet-bundle" {public}'


def test_verifies_the_signature(place: Place, keys: tuple[Path, Path]) -> None:
    ours, theirs = keys
    known: dict[str, Any] = {"signers": signers(ours), "identities": "release@example"}
    with place.session() as session:
        refused = place.stage(session, PLAIN.signed(theirs), **known)
        assert refused.status == "failed"
        assert "its signature does not hold" in refused.reason
        unsigned = place.stage(session, PLAIN, **known)
        assert unsigned.status == "failed"
        assert place.probe(session, PLAIN).releases == []
        good = place.stage(session, PLAIN.signed(ours), **known)
        assert (good.status, good.signature) == ("ok", "verified")
        assert (
            place.activate(session, PLAIN, signers=signers(theirs), identities="x").status == "no"
        )
        assert place.activate(session, PLAIN, **known).signature == "verified"


def test_a_pinned_list_of_signers_wins(dash: Place, keys: tuple[Path, Path]) -> None:
    ours, theirs = keys
    pinned = dash.state / "trust/allowed_signers"
    pinned.parent.mkdir(parents=True)
    pinned.write_text(signers(ours))
    with dash.session() as session:
        wrong = dash.stage(
            session, PLAIN.signed(theirs), signers=signers(theirs), identities="release@example"
        )
        assert wrong.status == "failed"
        right = dash.stage(session, PLAIN.signed(ours), identities="release@example")
        assert (right.status, right.signature) == ("ok", "verified")


def test_a_host_without_ssh_keygen_says_so(
    platforms: dict[str, str], dash: Place, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(platforms["busybox"], bare, symlinks=True)
    (bare / "ssh-keygen").unlink()
    dash.environment["PATH"] = str(bare)
    with dash.session() as session:
        answer = dash.stage(
            session, PLAIN.signed(keys[0]), signers=signers(keys[0]), identities="x"
        )
        assert (answer.status, answer.signature) == ("ok", "unchecked: no ssh-keygen on this host")
        (dash.state / "trust").mkdir()
        (dash.state / "trust/allowed_signers").write_text(signers(keys[0]))
        assert dash.activate(session, PLAIN).status == "no"
