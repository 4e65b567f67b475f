"""Hostile manifests: each is refused, or means exactly what it says."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.bundles import canonical, listing
from orchestrator.bundles.header import Header
from orchestrator.bundles.manifest import MAX_PROBLEMS, decode, encode
from orchestrator.bundles.tree import Tree, flaws, fold
from orchestrator.bundles.trust import Signature, Signed, Trust
from orchestrator.bundles.trustfile import TrustFile
from orchestrator.errors import BundleError
from orchestrator.model.bundle import (
    ConfigEntry,
    FileEntry,
    FolderEntry,
    LinkEntry,
    Manifest,
    Platform,
    Requirements,
    Urgency,
)

HASH = hashlib.sha256(b"").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()
TREE = Tree(
    files=(
        FileEntry("bin/migrate", 0o755, 0, HASH),
        FileEntry("two\nlines", 0o644, 0, HASH),
        FileEntry("zürich", 0o600, 5, OTHER),
    ),
    links=(LinkEntry("lib/link", "../bin/migrate"),),
    folders=(FolderEntry("empty", 0o755),),
    shared=("data",),
)
HEADER = Header(
    package="gateway",
    version="2.4.1",
    revision=2,
    created="2026-01-31T04:05:06Z",
    expires="2036-01-31T04:05:06Z",
    platform=Platform(os=("debian",)),
    hooks={"pre_activate": "bin/migrate"},
    urgency=Urgency.CRITICAL,
    notes="Mends the leak.\n\tRestart twice.",
    requires=Requirements((("app-tools", "1.0.0"), ("db", "^2.4")), 512 << 20, ("gpu",)),
    provides=(("app-api", "2.1.0"),),
    floors=(">=0.9", "<3"),
    config=(ConfigEntry("data/app.db", 12), ConfigEntry("zürich", 0)),
)
Document = dict[str, Any]


def signed(raw: bytes) -> Signed:
    return Signed(
        raw, (Signature("ci", "SHA256:x", "ssh-ed25519"),), Trust("signers", TrustFile(()))
    )


def accept(raw: bytes) -> Manifest:
    return decode(signed(raw), "manifest.json")


def refusal(raw: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        accept(raw)
    return str(caught.value)


def document() -> Document:
    found: Document = json.loads(encode(HEADER, TREE)[0])
    return found


def test_round_trip() -> None:
    raw, lines = encode(HEADER, TREE)
    manifest = accept(raw)
    assert manifest.digest == hashlib.sha256(raw).hexdigest()
    assert manifest.release == f"2.4.1-{manifest.digest[:12]}"
    assert manifest.listing == hashlib.sha256(lines).hexdigest()
    assert (manifest.files, manifest.links) == (TREE.files, TREE.links)
    assert (manifest.folders, manifest.shared) == (TREE.folders, TREE.shared)
    assert (manifest.package, manifest.revision) == ("gateway", 2)
    assert header_of(manifest) == HEADER


@pytest.mark.parametrize("need", [{"reads": (("data/app.db", 13),)}, {"reboot": True}])
def test_only_who_has_to_uses_the_newest_format(need: dict[str, Any]) -> None:
    raw, _ = encode(replace(HEADER, **need), TREE)
    assert header_of(accept(raw)) == replace(HEADER, **need)
    assert (json.loads(raw)["format"], document()["format"]) == ("1.3", "1.2")


@pytest.mark.parametrize("reads", [("data/app.db", 12), ("zürich", 0), ("bin/migrate", 1)])
def test_what_reads_no_more_than_its_own(reads: tuple[str, int]) -> None:
    raw, _ = encode(replace(HEADER, reads=(reads,)), TREE)
    assert f"{reads[0]}: reads no schema beyond that of its configuration" in refusal(raw)


def header_of(manifest: Manifest) -> Header:
    return Header(**{field.name: getattr(manifest, field.name) for field in fields(Header)})


@pytest.mark.parametrize(
    ("tree", "what"),
    [
        (Tree(files=(FileEntry("../x", 0o644, 0, HASH),)), "'.' or '..' component"),
        (Tree(files=(FileEntry("a/../../x", 0o644, 0, HASH),)), "'.' or '..' component"),
        (Tree(files=(FileEntry("./x", 0o644, 0, HASH),)), "'.' or '..' component"),
        (Tree(files=(FileEntry("a//x", 0o644, 0, HASH),)), "an empty, '.' or '..' component"),
        (Tree(files=(FileEntry("a/", 0o644, 0, HASH),)), "an empty, '.' or '..' component"),
        (Tree(files=(FileEntry("", 0o644, 0, HASH),)), "an empty path"),
        (Tree(files=(FileEntry("/etc/passwd", 0o644, 0, HASH),)), "an absolute path"),
        (Tree(files=(FileEntry("a\0b", 0o644, 0, HASH),)), "a control character"),
        (Tree(files=(FileEntry("a\x1b[2J", 0o644, 0, HASH),)), "a control character"),
        (Tree(files=(FileEntry(".fleet/complete", 0o644, 0, HASH),)), "belongs to the host"),
        (Tree(files=(FileEntry(".FLEET/complete", 0o644, 0, HASH),)), "belongs to the host"),
        (Tree(links=(LinkEntry(".fleet", "x"),)), "belongs to the host"),
        (Tree(shared=(".fleet",)), "belongs to the host"),
        (Tree(files=(FileEntry("x" * 256, 0o644, 0, HASH),)), "longer than"),
        (Tree(files=(FileEntry("x/" * 1000 + "x", 0o644, 0, HASH),)), "longer than"),
        (Tree(files=(FileEntry("a", 0o644, 0, HASH),) * 2), "listed twice, as file and as file"),
        (Tree(files=(FileEntry("a", 0o644, 0, HASH),), links=(LinkEntry("a", "b"),)), "twice"),
        (Tree(files=(FileEntry("a", 0o644, 0, HASH),), shared=("a",)), "listed twice"),
        (
            Tree(files=(FileEntry("A", 0o644, 0, HASH), FileEntry("a", 0o644, 0, HASH))),
            "the same as 'A' where upper and lower case are one",
        ),
        (
            Tree(files=(FileEntry("A/x", 0o644, 0, HASH), FileEntry("a/y", 0o644, 0, HASH))),
            "the same as 'A' where",
        ),
        (
            Tree(files=(FileEntry("e\u0301", 0o644, 0, HASH), FileEntry("é", 0o644, 0, HASH))),
            "where upper and lower case are one",
        ),
        (
            Tree(files=(FileEntry("STRASSE", 0o644, 0, HASH), FileEntry("straße", 0o644, 0, HASH))),
            "the same as 'STRASSE' where",
        ),
        (
            Tree(files=(FileEntry("a", 0o644, 0, HASH), FileEntry("a/b", 0o644, 0, HASH))),
            "a file and also the parent",
        ),
        (
            Tree(files=(FileEntry("a/b", 0o644, 0, HASH),), links=(LinkEntry("a", "c"),)),
            "a link and also the parent",
        ),
        (
            Tree(files=(FileEntry("a/b/c", 0o644, 0, HASH),), shared=("a",)),
            "a shared path and also the parent",
        ),
        (Tree(links=(LinkEntry("a", "/etc"),)), "that is absolute"),
        (Tree(links=(LinkEntry("a", "../x"),)), "that leads outside"),
        (Tree(links=(LinkEntry("a/b", "../../x"),)), "that leads outside"),
        (Tree(links=(LinkEntry("a", "b/../../x/y"),)), "that leads outside"),
        (Tree(links=(LinkEntry("a", ""),)), "that leads nowhere"),
        (Tree(links=(LinkEntry("a", "x\0y"),)), "with a control character"),
        (Tree(links=(LinkEntry("a", "b"), LinkEntry("b", "a"))), "goes in circles"),
        (
            Tree(links=(LinkEntry("a/b/c/s", "../../../x"), LinkEntry("a/b/c/t", "s/../../y"))),
            "that leads outside through another link",
        ),
        (Tree(links=(LinkEntry("a", "data/../../x/../y"),), shared=("data",)), "outside"),
        (Tree(links=(LinkEntry("b/a", "../data/../y"),), shared=("data",)), "climbs out"),
        (Tree(files=(FileEntry("a", 0o4755, 0, HASH),)), "setuid, setgid or sticky"),
        (Tree(folders=(FolderEntry("a", 0o1777),)), "setuid, setgid or sticky"),
        (Tree(files=(FileEntry("a", 0o200, 0, HASH),)), "keeps its owner out"),
        (Tree(folders=(FolderEntry("a", 0o500),)), "keeps its owner out"),
    ],
)
def test_hostile_trees(tree: Tree, what: str) -> None:
    header = Header("app", "1.0.0", 1, "2026-01-31T04:05:06Z")
    said = refusal(encode(header, tree)[0])
    assert what in said
    assert "\0" not in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    "tree",
    [
        Tree(links=(LinkEntry("a", "b/./c//d"), LinkEntry("e", "nowhere"))),
        Tree(links=(LinkEntry("a/b", "../c"), LinkEntry("c", "a")), files=()),
        Tree(links=(LinkEntry("logs", "data/logs"),), shared=("data",)),
        Tree(files=(FileEntry("-rf", 0o644, 0, HASH), FileEntry("a b\n%c", 0o444, 0, HASH))),
        Tree(files=(FileEntry("...", 0o644, 0, HASH), FileEntry("x/.fleet", 0o644, 0, HASH))),
        Tree(folders=(FolderEntry("a", 0o700), FolderEntry("a/b", 0o755))),
    ],
)
def test_unusual_trees_that_are_fine(tree: Tree) -> None:
    header = Header("app", "1.0.0", 1, "2026-01-31T04:05:06Z")
    assert accept(encode(header, tree)[0]).links == tree.links


def change(*path: Any, to: Any) -> Callable[[Document], None]:
    def apply(found: Any) -> None:
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = to

    return apply


def earlier_with_later_hook(found: Any) -> None:
    found |= {"format": "1.1", "hooks": {"cleanup": "bin/migrate"}}
    del found["config"]


@pytest.mark.parametrize(
    ("mutate", "what"),
    [
        (
            change("format", to=2),
            "format: this version of fleet reads the formats 1, 1.1, 1.2, 1.3",
        ),
        (change("format", to="1.4"), "format: this version of fleet reads"),
        (change("format", to="1.3"), "field 'reads' is missing"),
        (change("format", to="1"), "format: this version of fleet reads"),
        (change("format", to=True), "format: this version of fleet reads"),
        (change("format", to={"1": 1}), "format: this version of fleet reads"),
        (change("format", to=1), "unknown field 'config'"),
        (change("format", to="1.1"), "unknown field 'config'"),
        (lambda found: found.pop("format"), "field 'format' is missing"),
        (lambda found: found.pop("config"), "field 'config' is missing"),
        (change("urgency", to="asap"), "urgency: not one of low, normal, critical"),
        (change("urgency", to=None), "urgency: not text"),
        (change("notes", to="\x1b[2J"), "notes: not text: a control character"),
        (change("notes", to="x" * 20_000), "notes: longer than 16384 characters"),
        (change("requires", to={}), "requires: field 'memory' is missing"),
        (change("requires", "memory", to=-1), "requires.memory: out of range"),
        (change("requires", "packages", to=[]), "requires.packages: not an object"),
        (change("requires", "packages", "db", to="new"), "requires.packages.db: not a range"),
        (change("requires", "packages", "../x", to="^2"), "packages.../x: not a package name"),
        (change("requires", "tags", to=["a b"]), "requires.tags[0]: not a word"),
        (change("provides", "api", to="^2"), "provides.api: not a semantic version"),
        (change("floors", to=["latest"]), "floors[0]: not a range of versions"),
        (change("floors", to=">=2"), "floors: not a list"),
        (change("config", 0, "schema", to=-1), "config[0].schema: out of range"),
        (change("config", 0, "path", to="gone"), "configuration that is neither a file"),
        (change("config", 0, "path", to="data/../x"), "configuration that is neither a file"),
        (lambda found: found["config"].reverse(), "config: not sorted by path"),
        (lambda found: found["config"].append(found["config"][1]), "or a path is there twice"),
        (change("files", 1, "size", to=9), "the same content as another file, but of another size"),
        (change("device", to=[]), "unknown field 'device'"),
        (lambda found: found.pop("links"), "field 'links' is missing"),
        (change("files", to={}), "files: not a list"),
        (change("files", 0, to="x"), "files[0]: not an object"),
        (change("files", 0, "type", to="device"), "files[0]: unknown field 'type'"),
        (change("files", 0, "size", to=-1), "files[0].size: out of range"),
        (change("files", 0, "size", to=2**63), "files[0].size: out of range"),
        (change("files", 0, "size", to="7"), "files[0].size: not a whole number"),
        (change("files", 0, "mode", to="755"), "files[0].mode: malformed"),
        (change("files", 0, "mode", to="10755"), "files[0].mode: malformed"),
        (change("files", 0, "mode", to=493), "files[0].mode: not text"),
        (change("files", 0, "sha256", to=HASH.upper()), "files[0].sha256: malformed"),
        (change("files", 0, "sha256", to=HASH + "\n"), "files[0].sha256: malformed"),
        (change("files", 0, "path", to=None), "files[0].path: not text"),
        (change("listing", to="0" * 64), "the listing is not that of its files"),
        (change("files", 2, "size", to=8), "the listing is not that of its files"),
        (change("package", to="../evil"), "package: not a package name"),
        (change("package", to="a/b"), "package: not a package name"),
        (change("version", to="2.4"), "version: not a semantic version"),
        (change("version", to="1.0.0\n"), "version: not a semantic version"),
        (change("revision", to=0), "revision: out of range"),
        (change("created", to="2026-1-31T04:05:06Z"), "created: not an instant"),
        (change("created", to="0001-01-01T00:00:00Z"), "created: not an instant"),
        (change("expires", to=7), "expires: not text"),
        (change("hooks", "restart", to="bin/migrate"), "hooks: unknown field 'restart'"),
        (earlier_with_later_hook, "hooks: unknown field 'cleanup'"),
        (change("hooks", "pre_stage", to="bin/migrate"), "hooks: unknown field 'pre_stage'"),
        (change("hooks", "pre_activate", to="/bin/sh"), "names no file of the bundle"),
        (change("hooks", "pre_activate", to="two\nlines"), "is not executable"),
        (change("platform", "os", to=["a b"]), "platform.os[0]: not a word"),
        (lambda found: found["files"].reverse(), "not sorted by path"),
    ],
)
def test_hostile_shapes(mutate: Callable[[Document], None], what: str) -> None:
    found = document()
    mutate(found)
    assert what in refusal(canonical.encode(found))


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "not a manifest"),
        (b"\xff", "not a manifest"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "the document: not an object"),
        (b"[1.0]", "'1.0' is not a whole number"),
        (b"[1e400]", "'1e400' is not a whole number"),
        (b"[NaN]", "'NaN' is not a whole number"),
        (b'["\\ud800"]', "not a manifest"),
        (b"[" + b"9" * 5000 + b"]", "not a manifest"),
        (b'{"a":1,"a":1}', "not in canonical form"),
        (b'{"b":1,"a":1}', "not in canonical form"),
        (b"{} ", "not in canonical form"),
        (b'["\\u0061"]', "not in canonical form"),
        (b"\xef\xbb\xbf{}", "not a manifest"),
    ],
)
def test_bytes_that_are_not_canonical_json(raw: bytes, what: str) -> None:
    assert what in refusal(raw)


def test_a_million_problems_are_told_in_few_lines() -> None:
    tree = Tree(files=tuple(FileEntry(f"/{n:05}", 0o644, 0, HASH) for n in range(1000)))
    said = refusal(encode(Header("app", "1.0.0", 1, "2026-01-31T04:05:06Z"), tree)[0])
    assert len(said.splitlines()) == MAX_PROBLEMS + 1
    assert "and 980 more problems" in said


def test_many_files_are_read_in_linear_time() -> None:
    deep = "/".join("d" * 5 for _ in range(300))
    tree = Tree(files=tuple(FileEntry(f"{deep}/{n:05}", 0o644, 0, HASH) for n in range(2000)))
    assert list(flaws(tree)) == []


@settings(max_examples=400)
@given(st.data())
def test_mutated_bytes_are_refused_or_mean_what_they_say(data: st.DataObject) -> None:
    raw = bytearray(encode(HEADER, TREE)[0])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    check_exact(bytes(raw))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NASTY = st.sampled_from(
    ["..", "../x", "/", "", ".", ".fleet", "bin", "BIN/MIGRATE", "a/b", "data", "\n", "0644", HASH]
)


@settings(max_examples=400)
@given(st.data())
def test_mutated_documents_are_refused_or_mean_what_they_say(data: st.DataObject) -> None:
    found = copy.deepcopy(document())
    for _ in range(data.draw(st.integers(1, 2))):
        spots = list(places(found))
        container, key = data.draw(st.sampled_from(spots))
        container[key] = data.draw(JSON | NASTY)
        refresh(found)
    check_exact(canonical.encode(found))


def places(found: Any) -> Any:
    items = found.items() if isinstance(found, dict) else enumerate(found)
    for key, value in items:
        yield found, key
        if isinstance(value, dict | list):
            yield from places(value)


def refresh(found: Document) -> None:
    """Give the listing's hash that an attacker would compute, where that is possible."""
    try:
        tree = Tree(
            tuple(
                FileEntry(e["path"], int(e["mode"], 8), e["size"], e["sha256"])
                for e in found["files"]
            ),
            tuple(LinkEntry(e["path"], e["target"]) for e in found["links"]),
            tuple(FolderEntry(e["path"], int(e["mode"], 8)) for e in found["folders"]),
            tuple(found["shared"]),
        )
        found["listing"] = hashlib.sha256(listing.render(tree)).hexdigest()
    except (TypeError, KeyError, ValueError, AttributeError):
        pass


def check_exact(raw: bytes) -> None:
    try:
        manifest = accept(raw)
    except BundleError:
        return
    tree = Tree(manifest.files, manifest.links, manifest.folders, manifest.shared)
    assert list(flaws(tree)) == []
    assert encode(header_of(manifest), tree)[0] == raw


@given(st.text(max_size=20))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(text.upper()) == fold(text.upper().lower()) or not text.isascii()
