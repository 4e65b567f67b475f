from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from orchestrator.bundles import build as building
from orchestrator.bundles import layout
from orchestrator.bundles.build import build
from orchestrator.bundles.scan import scan
from orchestrator.errors import BundleError, FleetError

from .conftest import BUNDLE_YML, MakeSource


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_built_bundle_holds_manifest_listing_and_each_content_once(
    make_source: MakeSource,
) -> None:
    made = build(make_source())
    assert made.folder.name == "gateway-2.4.1"
    assert (made.files, made.signed) == (6, False)
    names = {str(p.relative_to(made.folder)) for p in made.folder.rglob("*") if p.is_file()}
    objects = {name for name in names if name.startswith("objects/")}
    assert names - objects == {"manifest.json", "listing"}
    assert len(objects) == 5  # two of the six files are equal
    for name in objects:
        digest = hashlib.sha256((made.folder / name).read_bytes()).hexdigest()
        assert name == f"objects/{digest[:2]}/{digest}"
    assert not list(made.folder.parent.glob(".*"))


def test_the_manifest_is_canonical_and_names_the_listing(make_source: MakeSource) -> None:
    made = build(make_source())
    raw = (made.folder / "manifest.json").read_bytes()
    document = json.loads(raw)
    again = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert raw == again.encode()
    listing = (made.folder / "listing").read_bytes()
    assert document["listing"] == hashlib.sha256(listing).hexdigest()
    assert document["created"] == "2026-01-31T04:05:06Z"
    assert document["platform"] == {"os": ["debian"], "arch": ["x86_64", "aarch64"]}
    assert document["hooks"] == {"pre_activate": "bin/migrate"}


def test_the_listing_is_that_of_the_host_protocol(make_source: MakeSource) -> None:
    made = build(make_source())
    hello = hashlib.sha256(b"hello\n").hexdigest()
    lines = (made.folder / "listing").read_text().splitlines()
    assert f"f 0644 6 {hello} copy of README" in lines
    assert "l ./bin/../README link to" in lines
    assert "d 0755 empty" in lines
    assert "d 0750 grüße" in lines
    assert "s data" in lines
    newline = hashlib.sha256(b"newline\n").hexdigest()
    assert f"f 0644 8 {newline} two%0Alines 100%25" in lines
    assert not any(line.endswith(" bin") for line in lines)
    paths = [line.split(" ", {"f": 4, "s": 1}.get(line[0], 2))[-1] for line in lines]
    assert paths == sorted(paths)


def test_same_input_same_bytes_whatever_the_file_system_does(make_source: MakeSource) -> None:
    source = make_source()
    copy = source.with_name("copy")
    shutil.copytree(source, copy, symlinks=True)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    first, second = build(source), build(copy, copy.parent / "elsewhere")
    assert first.digest == second.digest
    assert snapshot(first.folder) == snapshot(second.folder)


@pytest.mark.parametrize(
    ("environ", "created"),
    [
        ({"SOURCE_DATE_EPOCH": "86400"}, "1970-01-02T00:00:00Z"),
        ({}, "2020-09-13T12:26:40Z"),
    ],
)
def test_created_without_being_given(
    make_source: MakeSource, environ: dict[str, str], created: str
) -> None:
    source = make_source(yml="package: gateway\nversion: 1.0.0\n")
    for path in source.rglob("*"):
        os.utime(path, (1_500_000_000, 1_500_000_000), follow_symlinks=False)
    os.utime(source / "content/README", (1_600_000_000, 1_600_000_000))
    made = build(source, environ=environ)
    assert json.loads((made.folder / "manifest.json").read_bytes())["created"] == created


def test_a_bad_source_date_epoch_is_refused(make_source: MakeSource) -> None:
    source = make_source(yml="package: gateway\nversion: 1.0.0\n")
    with pytest.raises(BundleError, match="SOURCE_DATE_EPOCH: 'soon' is not a number of seconds"):
        build(source, environ={"SOURCE_DATE_EPOCH": "soon"})


def test_everything_that_no_bundle_can_hold_is_named_at_once(
    make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source()
    content = source / "content"
    os.mkfifo(content / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(content)  # a socket's path has a short limit
        server.bind("socket")
    (content / "out").symlink_to("../../etc/passwd")
    (content / "absolute").symlink_to("/etc/passwd")
    (content / "bin/loop").symlink_to("loop")
    (content / "readme").write_bytes(b"")
    (content / ".fleet").mkdir()
    (content / "setuid").write_bytes(b"")
    (content / "setuid").chmod(0o4755)
    (content / "locked").write_bytes(b"")
    (content / "locked").chmod(0o200)
    (content / "tab\tname").write_bytes(b"")
    (content / "cafe\u0301").write_bytes(b"")
    (content / "caf\u00e9").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(content) + b"/latin\xe9")).write_bytes(b"")
    (content / "data").write_bytes(b"")
    with pytest.raises(BundleError) as caught:
        build(source)
    said = str(caught.value)
    for expected in (
        "content/pipe: a named pipe, which no bundle can hold; remove it",
        "content/socket: a socket",
        "content/out: a link to '../../etc/passwd' that leads outside; let it lead",
        "content/absolute: a link to '/etc/passwd' that is absolute",
        "content/bin/loop: a link to 'loop' that goes in circles",
        "content/readme: the same as 'README' where upper and lower case are one",
        "content/.fleet: '.fleet' belongs to the host program",
        "content/setuid: setuid, setgid or sticky bit is set; chmod ug-s,-t",
        "content/locked: mode 0200 keeps its owner out; chmod u+r",
        "content/tab\\tname: a control character in a name",
        "content/caf\u00e9: the same as 'cafe",
        "content/latin\\udce9: a name that is not UTF-8",
        "bundle.yml:5:10: data: listed twice, as file and as shared path",
    ):
        assert expected in said
    assert not (source / "built").exists()


@pytest.mark.parametrize(
    ("hook", "what"),
    [
        ("README", "hook pre_activate is not executable; chmod \\+x"),
        ("bin/gone", "hook pre_activate names no file of the bundle"),
    ],
)
def test_hooks_must_be_executable_files(make_source: MakeSource, hook: str, what: str) -> None:
    yml = BUNDLE_YML.replace("bin/migrate", hook)
    with pytest.raises(BundleError, match=f"bundle.yml:6:23: {hook}: {what}"):
        build(make_source(yml=yml))


def test_device_files_are_refused(make_source: MakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_source()
    device = os.lstat("/dev/null")
    real = os.DirEntry.stat

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.path, self._entry = entry.name, entry.path, entry

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            if self.name == "README":
                return device
            return real(self._entry, follow_symlinks=follow_symlinks)

    scandir = os.scandir

    class Entries:
        def __init__(self, path: Path) -> None:
            self.inner = scandir(path)

        def __enter__(self) -> list[Entry]:
            return [Entry(entry) for entry in self.inner]

        def __exit__(self, *_: object) -> None:
            self.inner.close()

    monkeypatch.setattr(os, "scandir", Entries)
    with pytest.raises(BundleError, match="README: a character device"):
        build(source)


def test_a_file_that_changes_while_it_is_read_is_refused(
    make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source()
    genuine = layout.open_regular

    def meddle(path: Path):
        file = genuine(path)
        if path.name == "README":
            path.write_bytes(b"HELLO\n")
        return file

    monkeypatch.setattr(layout, "open_regular", meddle)
    with pytest.raises(BundleError, match="README: changed while the bundle was being built"):
        build(source)
    assert list((source / "built").iterdir()) == []


def test_a_file_swapped_for_a_link_is_not_followed(
    make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source()
    genuine = scan

    def swap(content: Path):
        found = genuine(content)
        (content / "README").unlink()
        (content / "README").symlink_to("/etc/passwd")
        return found

    monkeypatch.setattr(building, "scan", swap)
    with pytest.raises(BundleError, match="README: cannot be read"):
        build(source)


def test_a_folder_that_is_no_bundle_is_never_replaced(make_source: MakeSource) -> None:
    source = make_source()
    (source / "built/gateway-2.4.1").mkdir(parents=True)
    (source / "built/gateway-2.4.1/thesis.txt").write_bytes(b"mine")
    with pytest.raises(BundleError, match="there already, and not a bundle; move it away"):
        build(source)
    assert snapshot(source / "built") == {"gateway-2.4.1/thesis.txt": b"mine"}


def test_a_folder_that_cannot_be_written(make_source: MakeSource) -> None:
    source = make_source()
    with pytest.raises(FleetError, match="Not a directory") as caught:
        build(source, source / "bundle.yml" / "out")
    assert "another folder with -o" in caught.value.hint
