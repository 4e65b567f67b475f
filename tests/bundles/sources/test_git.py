"""Real repositories, made with the real git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.bundles.build import build
from orchestrator.bundles.signing import sign
from orchestrator.bundles.sources import source_of
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError, TrustError
from orchestrator.model.plan import Origin
from tests.bundles.conftest import signer_line

from .repository import ENVIRON, Origins
from .test_file import end_of_process


@pytest.fixture
def repo(tmp_path: Path, home: Path, trust: Trust, keys: Path) -> Origins:
    repo = Origins(tmp_path / "repo", home, trust, keys / "ed25519")
    repo.release("1.0.0")
    repo.release("1.1.0", "v1.1.0", "-a", "-m", "annotated")
    return repo


def test_tags_are_releases(repo: Origins) -> None:
    for tag in ("latest", "v1.2", "v2.0.0-rc.1", "release-3.0.0", "v1.0.0.1"):
        repo.git("tag", tag)
    offers = repo.source().offers("app")
    assert [offer.version for offer in offers] == ["1.0.0", "1.1.0", "2.0.0-rc.1"]
    assert offers[0].place == f"file://{repo.folder}#v1.0.0"


def test_a_tag_is_built_signed_and_kept(repo: Origins, home: Path) -> None:
    bundle = repo.get()
    assert (bundle.manifest.package, bundle.manifest.version) == ("app", "1.1.0")
    assert bundle.manifest.created == "2026-01-31T04:04:06Z"
    assert bundle.folder == home / "bundles/app" / bundle.manifest.digest
    modes = {entry.path: entry.mode for entry in bundle.manifest.files}
    assert modes == {"README": 0o644, "bin/run": 0o755}
    assert {bundle.content(e.sha256).read_bytes() for e in bundle.manifest.files} == {
        b"hello\r\n",
        b"#!/bin/sh\necho 1.1.0\n",
    }
    inode = bundle.folder.stat().st_ino
    assert repo.get().folder.stat().st_ino == inode
    assert [offer.digest[:4] for offer in repo.source().offers("app")] == [
        "",
        bundle.manifest.digest[:4],
    ]


def test_what_is_built_on_two_machines_is_equal(repo: Origins) -> None:
    first = repo.get().manifest.digest
    end_of_process()
    shutil.rmtree(repo.home)
    assert repo.get().manifest.digest == first


def test_a_damaged_or_lost_build_is_made_again(repo: Origins) -> None:
    bundle = repo.get()
    bundle.content(bundle.manifest.files[0].sha256).write_bytes(b"noise")
    assert repo.get().manifest == bundle.manifest
    shutil.rmtree(bundle.folder)
    assert repo.get().manifest == bundle.manifest


def test_a_moved_tag_is_an_error(repo: Origins) -> None:
    before = repo.git("rev-parse", "v1.1.0^{commit}")
    repo.get()
    after = repo.release("1.1.0", "v1.1.0", "-f")
    assert before != after
    with pytest.raises(BundleError, match="the tag was at commit") as caught:
        repo.get()
    assert before in str(caught.value)
    assert after in str(caught.value)
    assert repo.get("1.0.0").manifest.version == "1.0.0"


def test_a_tag_is_pinned_when_it_is_first_listed(repo: Origins) -> None:
    repo.source().offers("app")
    repo.release("1.0.0", "v1.0.0", "-f")
    with pytest.raises(BundleError, match="the tag was at commit"):
        repo.get("1.0.0")


def test_a_tag_that_moves_after_it_was_listed(repo: Origins) -> None:
    source = repo.source()
    offer = source.offers("app")[0]
    repo.release("1.0.0", "v1.0.0", "-f")
    with pytest.raises(BundleError, match="just now"):
        source.obtain(offer, repo.trust)


def test_a_commit_that_builds_to_something_else_is_an_error(repo: Origins) -> None:
    bundle = repo.get()
    end_of_process()
    shutil.rmtree(repo.home / "bundles")
    text = repo.pins().read_text()
    repo.pins().write_text(text.replace(bundle.manifest.digest, "0" * 64))
    with pytest.raises(BundleError, match="built to 000000000000 before, and builds to"):
        repo.get()


def test_pins_that_cannot_be_read_stop_everything(repo: Origins) -> None:
    repo.get()
    for text in ("", "[]", '{"format": 1, "pins": [{}]}', '{"format": 2, "pins": []}'):
        repo.pins().write_text(text)
        with pytest.raises(BundleError, match=r"pins\.json: cannot be read") as caught:
            repo.get()
        assert "Pin" not in str(caught.value)
        assert "put back a copy, or move it away" in str(caught.value)


def test_a_run_that_goes_on_gets_just_its_digest(repo: Origins) -> None:
    digest = repo.get("1.0.0").manifest.digest
    repo.release("1.2.0")
    assert repo.get("^1", digest).manifest.version == "1.0.0"
    end_of_process()
    shutil.rmtree(repo.home)
    assert repo.get("1.0.0", digest).manifest.digest == digest
    with pytest.raises(BundleError, match="no bundle of 'app' with manifest"):
        repo.get("1.0.0", "0" * 64)


def test_tags_with_the_package_in_front(repo: Origins) -> None:
    repo.release("3.0.0", "db-3.0.0")
    assert [offer.version for offer in repo.source().offers("app")][-1] == "1.1.0"
    repo.release("1.5.0", "app-v1.5.0")
    assert [offer.version for offer in repo.source().offers("app")] == ["1.5.0"]


def test_two_tags_of_one_version(repo: Origins) -> None:
    repo.git("tag", "1.1.0", "v1.1.0^{commit}")
    assert repo.get("1.1.0").manifest.version == "1.1.0"
    repo.release("1.1.0", "1.1.0", "-f")
    with pytest.raises(BundleError, match=r"tags '1\.1\.0' and 'v1\.1\.0' of 1\.1\.0 are diff"):
        repo.get()


def test_a_tag_that_says_another_version_than_its_bundle(repo: Origins) -> None:
    repo.release("1.2.0", "v1.3.0")
    with pytest.raises(BundleError, match=r"a bundle of 'app' 1\.2\.0 .*, not of 'app' 1\.3\.0"):
        repo.get()


def test_revisions(repo: Origins) -> None:
    repo.release("1.2.0", more="revision: 3\n")
    source = repo.source()
    unbuilt = source.offers("app")[-1]
    assert unbuilt.revision == 1
    assert source.obtain(unbuilt, repo.trust).manifest.revision == 3
    assert source.obtain(unbuilt, repo.trust).manifest.revision == 3
    assert repo.get().manifest.revision == 3
    assert repo.source().offers("app")[-1].revision == 3


def test_no_tags(repo: Origins) -> None:
    for tag in repo.git("tag").split():
        repo.git("tag", "-d", tag)
    with pytest.raises(BundleError, match=r"no tag of 'app' is a version; tag releases as v1\.2"):
        repo.get()


@pytest.mark.parametrize("folder", ["deploi", "deploy/content/README", "link"])
def test_a_missing_folder(repo: Origins, folder: str) -> None:
    (repo.folder / "link").symlink_to("deploy")
    repo.release("1.2.0")
    with pytest.raises(BundleError, match=f"no folder '{folder}' in commit"):
        repo.get(folder=folder)


def test_no_bundle_yml(repo: Origins) -> None:
    with pytest.raises(BundleError, match=r"#v1\.1\.0: no bundle\.yml in it"):
        repo.get(folder="deploy/content")


def test_mistakes_in_bundle_yml_have_their_places(repo: Origins) -> None:
    repo.release("1.2.0", more="hoks: {}\n")
    with pytest.raises(BundleError, match=r"#v1\.2\.0/bundle\.yml:3:1: unknown key 'hoks'"):
        repo.get()


def test_submodules_and_lfs_are_refused(repo: Origins) -> None:
    head = repo.git("rev-parse", "HEAD")
    repo.write("deploy/content/big", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    repo.release("1.2.0")
    with pytest.raises(BundleError, match="'content/big' is in Git LFS"):
        repo.get()
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},deploy/content/sub")
    repo.git("commit", "-q", "-m", "sub")
    repo.git("tag", "v1.3.0")
    with pytest.raises(BundleError, match="'content/sub' is a submodule"):
        repo.get()


def test_neither_hooks_nor_filters_nor_attributes_count(
    repo: Origins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    config = tmp_path / "gitconfig"
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-merge", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    config.write_text(
        f"[core]\nhooksPath = {hooks}\nautocrlf = input\nfsmonitor = touch {ran}\n"
        f'[filter "evil"]\nsmudge = touch {ran}; cat\nclean = cat\nprocess = touch {ran}\n'
    )
    repo.environ["GIT_CONFIG_GLOBAL"] = str(config)
    repo.write("deploy/.gitattributes", "* filter=evil export-ignore export-subst text eol=crlf\n")
    repo.write("deploy/content/id", "$Format:%H$\n")
    repo.release("1.2.0")
    bundle = repo.get()
    contents = {bundle.content(entry.sha256).read_bytes() for entry in bundle.manifest.files}
    assert b"$Format:%H$\n" in contents
    assert not ran.exists()


def test_links_in_content_stay_links(repo: Origins) -> None:
    (repo.folder / "deploy/content/again").symlink_to("bin/run")
    repo.release("1.2.0")
    links = repo.get().manifest.links
    assert [(link.path, link.target) for link in links] == [("again", "bin/run")]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc/passwd"])
def test_links_that_lead_outside_are_refused(repo: Origins, target: str) -> None:
    (repo.folder / "deploy/content/evil").symlink_to(target)
    repo.release("1.2.0")
    with pytest.raises(BundleError, match=r"#v1\.2\.0/content/evil: "):
        repo.get()


@pytest.mark.parametrize("name", ["bundle.yml", "content", "manifest.sig"])
def test_what_the_build_reads_is_never_a_link(repo: Origins, name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    repo.release("1.2.0")
    place = repo.folder / "deploy" / name
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    place.symlink_to(secret if name == "content" else secret / "key")
    repo.tag("v1.3.0")
    with pytest.raises(BundleError) as caught:
        repo.get()
    assert "must be files" in str(caught.value) or "no such folder" in str(caught.value)


@pytest.mark.parametrize("target", [b"", b"a\0b", b"a" * 3_000_000])
def test_links_that_cannot_be(repo: Origins, target: bytes) -> None:
    command = ["git", "hash-object", "-w", "--stdin"]
    blob = subprocess.check_output(command, cwd=repo.folder, env=ENVIRON, input=target)
    entry = f"120000,{blob.decode().strip()},deploy/content/evil"
    repo.git("update-index", "--add", "--cacheinfo", entry)
    repo.git("commit", "-q", "-m", "evil")
    repo.git("tag", "v1.1.1")
    with pytest.raises((BundleError, FleetError), match=r"a broken link|fetch:"):
        repo.get()


def test_names_that_are_no_text(repo: Origins) -> None:
    place = os.fsencode(repo.folder / "deploy/content") + b"/\xff"
    with open(place, "wb"):  # noqa: PTH123
        pass
    repo.release("1.2.0")
    with pytest.raises(BundleError, match="not UTF-8"):
        repo.get()


def evil_tree(repo: Origins, entries: list[tuple[str, str, bytes]]) -> str:
    """Return a tree that git itself would not make."""
    raw = b"".join(f"{mode} {name}\0".encode() + sha for mode, name, sha in entries)
    command = ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    made = subprocess.run(command, cwd=repo.folder, env=ENVIRON, input=raw, capture_output=True)
    return made.stdout.decode().strip()


@pytest.mark.parametrize("name", ["..", ".git", "content"])
def test_trees_that_git_would_not_make(repo: Origins, name: str) -> None:
    """A path that climbs, or a folder that is a link as well, is found before it is written."""
    blob = bytes.fromhex(repo.git("rev-parse", "HEAD:deploy/content/README"))
    content = bytes.fromhex(repo.git("rev-parse", "HEAD:deploy/content"))
    yml = bytes.fromhex(repo.git("rev-parse", "HEAD:deploy/bundle.yml"))
    entries = [("100644", "bundle.yml", yml), ("40000", "content", content)]
    entries.append(("120000" if name == "content" else "100644", name, blob))
    deploy = bytes.fromhex(evil_tree(repo, entries))
    tree = evil_tree(repo, [("40000", "deploy", deploy)])
    commit = repo.git("commit-tree", tree, "-m", "evil")
    repo.git("tag", "v1.2.0", commit)
    with pytest.raises((BundleError, FleetError), match=r"fetch:|'\.\.'|hasDot|duplicate|content"):
        repo.get()
    assert not (repo.home / "bundles/app/README").exists()


def test_a_signature_in_the_tag_counts(repo: Origins, keys: Path, tmp_path: Path) -> None:
    del repo.environ["FLEET_SIGNING_KEY"]
    more = "created: 2026-01-01T00:00:00Z\n"
    repo.release("1.2.0", "unsigned", more=more)
    built = build(repo.folder / "deploy", tmp_path / "built").folder
    sign(built, keys / "ed25519")
    shutil.copy(built / "manifest.sig", repo.folder / "deploy")
    repo.release("1.2.0", more=more)
    bundle = repo.get()
    assert bundle.manifest.created == "2026-01-01T00:00:00Z"
    assert bundle.signature_bytes == (built / "manifest.sig").read_bytes()
    repo.release("1.3.0", more=more)
    with pytest.raises(TrustError, match=r"#v1\.3\.0/built/app-1\.3\.0/manifest\.sig: "):
        repo.get()


def test_what_nobody_signed_is_refused(repo: Origins) -> None:
    del repo.environ["FLEET_SIGNING_KEY"]
    with pytest.raises(TrustError, match=r"nobody signed it; put deploy/manifest\.sig into .*KEY"):
        repo.get()


def test_a_key_that_is_not_trusted(repo: Origins, keys: Path) -> None:
    repo.environ["FLEET_SIGNING_KEY"] = str(keys / "stranger")
    with pytest.raises(TrustError):
        repo.get()
    repo.environ["FLEET_SIGNING_KEY"] = str(keys / "ed25519")
    assert repo.get().manifest.version == "1.1.0"


def test_what_another_key_signed_is_signed_anew(repo: Origins, keys: Path) -> None:
    first = repo.get()
    repo.trust = Trust.parse(signer_line(keys, "ecdsa"), "signers")
    repo.environ["FLEET_SIGNING_KEY"] = str(keys / "ecdsa")
    assert repo.get().manifest == first.manifest


def test_a_repository_that_is_not_there(repo: Origins) -> None:
    with pytest.raises(FleetError, match=r"git ls-remote: [\s\S]*passwords are never asked for"):
        repo.source(url=f"file://{repo.folder}x").offers("app")


def test_a_tag_that_is_no_commit(repo: Origins) -> None:
    repo.git("tag", "v9.0.0", repo.git("rev-parse", "HEAD:deploy/bundle.yml"))
    with pytest.raises(FleetError, match=r"git rev-parse"):
        repo.get()


def test_in_a_plan_by_short_name_or_path(repo: Origins, home: Path) -> None:
    home.mkdir()
    (home / "taps").mkdir()
    (home / "taps/ours.yml").write_text(f"some/app: file://{repo.folder}\n")
    for origin in (Origin("some/app", True, "deploy"), Origin(str(repo.folder), True, "deploy")):
        source = source_of(origin, home)
        assert [offer.version for offer in source.offers("app")] == ["1.0.0", "1.1.0"]
    kept = json.loads(repo.pins().read_text())["pins"]
    assert {pin["folder"] for pin in kept} == {"deploy"}
