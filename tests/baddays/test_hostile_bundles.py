"""Bundles that would do harm though their signer is trusted, and bundles tampered with."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bundles import canonical
from orchestrator.model.event import Action, Result
from orchestrator.rollout.states import HostState
from tests.baddays.hosts_site import (
    await_first,
    close_gate,
    contacts,
    is_whole,
    make_area,
    mend_hosts,
    open_gate,
    reason,
    results,
    starts,
)
from tests.baddays.site import NEW, OLD, PACKAGE, Area, Site, start_site
from tests.labs import eventually

pytestmark = pytest.mark.ssh

HOSTILE = "6.6.6"
EMPTY = hashlib.sha256(b"").hexdigest()
A, H, R = Action, HostState, Result
Document = dict[str, Any]


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 2) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    yield shared_site
    mend_hosts(shared_site)
    shutil.rmtree(shared_site.bundles / f"{PACKAGE}-{HOSTILE}", ignore_errors=True)


@pytest.fixture(scope="module")
def shared_area(shared_site: Site) -> Area:
    return make_area(shared_site, "refusals")


@pytest.fixture
def area(site: Site, shared_area: Area) -> Area:
    """An area whose hosts have OLD, and keep it."""
    return shared_area


def sign(folder: Path, key: Path, purpose: str = "fleet-bundle") -> None:
    """Sign a manifest as it stands, with OpenSSH's own tool: ``fleet bundle sign`` would refuse."""
    manifest = folder / "manifest.json"
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", purpose, "-f", str(key), str(manifest)]
    subprocess.run(argv, check=True, capture_output=True)
    Path(f"{manifest}.sig").rename(folder / "manifest.sig")


def file(path: str, mode: str = "0644") -> Document:
    return {"path": path, "mode": mode, "size": 0, "sha256": EMPTY}


def link(path: str, target: str) -> Document:
    return {"path": path, "target": target}


def line(entry: Document) -> str:
    """Return an entry as the listing has it."""
    if "target" in entry:
        return f"l {entry['target']} {entry['path']}\n"
    return f"f {entry['mode']} {entry['size']} {entry['sha256']} {entry['path']}\n"


def forge(site: Site, *entries: Document) -> Path:
    """Make a bundle of the good files and these entries, consistent in all, and sign it."""
    folder = site.bundle(HOSTILE)
    document = json.loads((folder / "manifest.json").read_bytes())
    for entry in entries:
        document["links" if "target" in entry else "files"].append(entry)
    listed = [(e["path"], line(e)) for kind in ("files", "links") for e in document[kind]]
    listed += [(path, f"s {path}\n") for path in document["shared"]]
    listing = "".join(text for _, text in sorted(listed)).encode()
    for kind in ("files", "links"):
        document[kind].sort(key=lambda entry: entry["path"])
    document["listing"] = hashlib.sha256(listing).hexdigest()
    (folder / "listing").write_bytes(listing)
    (folder / "manifest.json").write_bytes(canonical.encode(document))
    content = folder / "objects" / EMPTY[:2] / EMPTY
    content.parent.mkdir(exist_ok=True)
    content.touch()
    sign(folder, site.key)
    return folder


def refused(area: Area, version: str) -> str:
    """Apply a version: refused, and no host hears of it. Return what is said."""
    hosts = area.site.lab.hosts
    before = [contacts(host) for host in hosts]
    said = area.apply(version, expect=6).stderr
    assert [contacts(host) for host in hosts] == before
    assert area.versions() == area.all_on(OLD)
    assert list_runs(area) == []
    return said


def list_runs(area: Area) -> list[str]:
    with area.journal() as journal:
        return [row.run for row in journal.runs()]


HARM = {
    "parent": ([file("../../../../evil")], "'.' or '..' component"),
    "inner parent": ([file("bin/../../evil")], "'.' or '..' component"),
    "absolute": ([file("/etc/evil")], "an absolute path"),
    "link out": ([link("out", "../../../etc")], "leads outside"),
    "link to absolute": ([link("out", "/etc")], "absolute"),
    "through a link": ([link("a", "bin"), link("b", "a/../..")], "leads outside"),
    "below a link": ([link("out", "bin"), file("out/evil")], "a link and also the parent"),
    "twice": ([file("VERSION")], "listed twice"),
    "case": ([file("version")], "the same as 'VERSION'"),
    "ours": ([file(".fleet/complete")], "belongs to the host"),
    "setuid": ([file("root", "4755")], "setuid"),
    "device": ([{**file("null"), "type": "c", "major": 1, "minor": 3}], "unknown"),
    "control": ([file("a\nb\x1b[2J")], "a control character"),
}


@pytest.mark.parametrize(("entries", "what"), HARM.values(), ids=HARM)
def test_a_hostile_manifest_is_refused_though_we_trust_its_signer(
    area: Area, entries: list[Document], what: str
) -> None:
    forge(area.site, *entries)
    assert what in refused(area, HOSTILE)


def test_the_forger_makes_bundles_that_only_their_entries_spoil(site: Site) -> None:
    area = make_area(site, "harmless")
    forge(site, file("harmless"), link("inside", "harmless"))
    area.apply(HOSTILE)
    assert area.versions() == area.all_on(HOSTILE)


# --- tampered with on the ops box


def spoil(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def truncate(path: Path) -> None:
    path.write_bytes(b"")


def content(folder: Path) -> Path:
    """Return the file that holds what is VERSION on a host."""
    return next(path for path in folder.glob("objects/*/*") if path.read_bytes()[:1] == b"6")


def other_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"revision":1', '"revision":2'))


TAMPERED: dict[str, tuple[Callable[[Path], None], str]] = {
    "content": (lambda folder: spoil(content(folder)), "is not what was signed"),
    "shorter": (lambda folder: truncate(content(folder)), "is not as long as was signed"),
    "missing": (lambda folder: content(folder).unlink(), "is missing"),
    "manifest": (other_manifest, "signature"),
    "signature": (lambda folder: spoil(folder / "manifest.sig"), "signature"),
    "unsigned": (lambda folder: (folder / "manifest.sig").unlink(), "the bundle is not signed"),
    "listing": (lambda folder: spoil(folder / "listing"), "not the listing that was signed"),
}


@pytest.mark.parametrize(("tamper", "what"), TAMPERED.values(), ids=TAMPERED)
def test_a_bundle_that_was_tampered_with_is_refused(
    area: Area, tamper: Callable[[Path], None], what: str
) -> None:
    tamper(forge(area.site))
    assert what in refused(area, HOSTILE)


def test_the_signature_of_a_stranger_is_refused(area: Area, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    sign(forge(area.site), key)
    assert "does not list; add the signer" in refused(area, HOSTILE)


def test_a_signature_for_another_purpose_is_refused(area: Area) -> None:
    sign(forge(area.site), area.site.key, "git")
    assert "fleet-bundle" in refused(area, HOSTILE)


# --- tampered with on the host, between staging and activation


def staged(area: Area, host: str) -> Path:
    """Return the folder of the staged release on a host."""
    disk = area.disk(host)
    [release] = disk.complete - {disk.active}
    return disk.root / "releases" / release


def swap_manifest(release: Path) -> None:
    other = (release / ".fleet/manifest.json").read_text()
    (release / ".fleet/manifest.json").write_text(other.replace(NEW, "9.9.9"))


ON_THE_HOST: dict[str, tuple[Callable[[Path], None], str]] = {
    "bytes": (lambda release: spoil(release / "bin/validate"), "bin/validate is modified"),
    "listing": (lambda release: spoil(release / ".fleet/listing"), "its listing is not the one"),
    "manifest": (swap_manifest, "its manifest.json is not the one that was asked for"),
    "signature": (lambda release: spoil(release / ".fleet/manifest.sig"), "its signature does not"),
    "no signature": (lambda r: (r / ".fleet/manifest.sig").unlink(), "its signature does not"),
    "mode": (lambda release: (release / "bin/validate").chmod(0o4755), "has the wrong mode"),
}


@pytest.mark.parametrize("how", ON_THE_HOST)
def test_what_was_tampered_with_on_the_host_is_not_activated(site: Site, how: str) -> None:
    tamper, what = ON_THE_HOST[how]
    area = make_area(site, how.replace(" ", "-"), rollout={"max_unavailable": 1})
    first, second = site.lab.hosts
    close_gate([first, second], "pre_activate")
    with starts(area, NEW) as running:
        # One host at a time is activated: the other one waits, staged, for its turn.
        at_gate, waiting = await_first(area, "pre_activate")
        assert eventually(lambda: len(area.disk(waiting).complete) == 2)
        tamper(staged(area, waiting))
        open_gate([first, second], "pre_activate")
        assert running.wait() == 2
    assert results(area, waiting, A.ACTIVATE) == [R.FAILED]
    assert what in reason(area, waiting, A.ACTIVATE)
    assert is_whole(area.disk(waiting), OLD)
    assert not area.disk(waiting).on_trial
    assert is_whole(area.disk(at_gate), NEW)
    area.apply(NEW)
    assert area.versions() == area.all_on(NEW)
    assert all(is_whole(disk, NEW) for disk in area.disks)
