"""A damaged or hostile medium is refused before anything changes on the host."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.site import NEW, OLD, PACKAGES, Alone, Site, on


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    """Cut the last byte off."""
    path.write_bytes(path.read_bytes()[:-1])


def sum_up(medium: Path) -> None:
    """Make the sums right again, as a hostile hand would."""
    lines = []
    for line in (medium / "SHA256SUMS").read_text().splitlines():
        name = line[66:]
        digest = hashlib.sha256((medium / name).read_bytes()).hexdigest()
        lines.append(f"{digest}  {name}\n")
    (medium / "SHA256SUMS").write_text("".join(lines))


FILES = ("releases/*", "program", "medium", "hosts/store-1/packages", "hosts/store-1/1.activate")


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
@pytest.mark.parametrize("pattern", FILES)
def test_it_is_refused(
    pattern: str, harm: Callable[[Path], None], alone: Alone, site: Site, tmp_path: Path
) -> None:
    name = f"harm-{harm.__name__}-{FILES.index(pattern)}"
    medium = site.medium(site.plan(name, {"store-1": alone.folder}), tmp_path / "medium")
    harm(next(medium.glob(pattern)))
    done = alone.install(medium, expect=6)
    assert "the medium is damaged" in done.stderr
    assert not alone.folder.exists()


def test_a_file_that_is_gone_with_its_sum(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("gone", {"store-1": alone.folder}, restart=["true"], reboot="if-required")
    medium = site.medium(plan, tmp_path / "medium", OLD)
    kit, sums = medium / "hosts/store-1", medium / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    names = {path.name for path in kit.iterdir()} - {"packages"}
    assert {"files", "checks.pre", "1.renew", "1.activate.shared"} <= names
    for name in names:
        path = kit / name
        text = path.read_text()
        path.unlink()
        sums.write_text("".join(it for it in lines if not it.endswith(f"hosts/store-1/{name}\n")))
        done = alone.install(medium, expect=6)
        assert f"SHA256SUMS does not name hosts/store-1/{name}" in done.stderr
        path.write_text(text)
    assert not alone.folder.exists()


def test_one_without_sums_is_none(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("no-sums", {"store-1": alone.folder}), tmp_path / "medium")
    (medium / "SHA256SUMS").unlink()
    alone.install(medium, expect=6)
    assert not alone.folder.exists()


def test_content_that_was_changed_with_its_sums(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("resummed", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "new", NEW)
    for payload in (medium / "releases").iterdir():
        flip(payload)
    sum_up(medium)
    done = alone.install(medium, expect=2)
    assert "nothing was changed: staging db" in done.stdout
    assert alone.active() == on(OLD)


PULLED = """\
#!/bin/sh
[ -e {mark} ] || case ${{1-}} in
  */releases/{release}.tar.gz) {harm} ;;
esac
exec {cat} "$@"
"""
HARMS = {
    "the medium is pulled out": '{head} -c 100 "$1"; : >{mark}; exit 1',
    "the file is cut short": ': >"$1"; : >{mark}',
}


@pytest.mark.parametrize("what", HARMS)
@pytest.mark.parametrize("package", PACKAGES)
def test_it_cannot_be_read_to_its_end(
    package: str, what: str, any_alone: Alone, site: Site, tmp_path: Path
) -> None:
    plan = site.plan(f"pulled-{len(what)}-{package}", {"store-1": any_alone.folder})
    any_alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "new", NEW)
    lines = (medium / "hosts/store-1/packages").read_text().splitlines()
    [release] = [words[2] for words in map(str.split, lines) if words[1] == package]
    payload = medium / f"releases/{release}.tar.gz"
    whole = payload.read_bytes()
    tool = tmp_path / "tools/cat"
    tool.parent.mkdir()
    words = {"mark": tmp_path / "mark", **{it: shutil.which(it) for it in ("cat", "head")}}
    harm = HARMS[what].format(**words)
    tool.write_text(PULLED.format(release=release, harm=harm, **words))
    tool.chmod(0o755)
    done = any_alone.install(medium, expect=6, PATH=f"{tool.parent}:{any_alone.path}")
    assert "the medium cannot be read" in done.stderr
    assert not list(any_alone.folder.glob("state/*/lock"))
    assert any_alone.active() == on(OLD)
    payload.write_bytes(whole)
    assert "going on with run" in any_alone.install(medium).stdout
    assert any_alone.active() == on(NEW)
    site.fleet("media", "import", medium)


def test_a_signer_whom_the_host_does_not_know(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("stranger", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "old"))
    pinned = alone.folder / "state/trust/allowed_signers"
    pinned.parent.mkdir()
    site.signer("somebody-else", pinned)
    done = alone.install(site.medium(plan, tmp_path / "new", NEW), expect=2)
    assert "the release was refused: by what is pinned here" in done.stdout
    assert alone.active() == on(OLD)
