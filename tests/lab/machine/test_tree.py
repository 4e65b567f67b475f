"""The tree of machines, with a debootstrap of the test's own: made once, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import LabError
from orchestrator.lab.machine import tree

MAKES = """\
while [ "$1" != bookworm ]; do shift; done; shift
mkdir -p "$1/etc/ssh" "$1/usr/share/doc/dash"
echo key >"$1/etc/ssh/ssh_host_rsa_key"; echo "${2-}" >"$1/mirror"; echo made >>"$1/../times"
"""
FAILS = (
    'for it; do case $it in */new) mkdir -p "$it/etc" ;; esac; done; echo "E: no mirror"; exit 1'
)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch) -> Path:
    """A search path of stand-ins for what machines need; we are root, as far as asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in tree.PROGRAMS:
        put(folder / name, "exit 0")
    put(folder / "unshare", 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"')
    put(folder / "debootstrap", MAKES)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return folder


def put(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_it_is_made_once_and_set_up(tmp_path: Path, programs: Path) -> None:
    made = tree.obtain_tree(tmp_path / "cache", {tree.MIRROR: "http://mirror.example/debian"})
    assert tree.obtain_tree(tmp_path / "cache") == made
    assert (tmp_path / "cache/times").read_text() == "made\n"
    assert (made / "mirror").read_text() == "http://mirror.example/debian\n"
    assert not list(made.glob("etc/ssh/ssh_host_*"))
    assert not list((made / "usr/share/doc").iterdir())
    assert (made / "etc/systemd/system/fstrim.timer").readlink() == Path("/dev/null")


def test_one_that_failed_is_no_tree(tmp_path: Path, programs: Path) -> None:
    put(programs / "debootstrap", FAILS)
    with pytest.raises(LabError, match="no mirror"):
        tree.obtain_tree(tmp_path / "cache")
    put(programs / "debootstrap", MAKES)
    assert not (tree.obtain_tree(tmp_path / "cache") / "etc/passwd").exists()


def test_another_recipe_is_another_tree(tmp_path: Path, programs: Path, monkeypatch) -> None:
    first = tree.obtain_tree(tmp_path / "cache")
    monkeypatch.setattr(tree, "PACKAGES", (*tree.PACKAGES, "cron"))
    assert tree.obtain_tree(tmp_path / "cache") != first


def test_who_is_not_root_is_told_so(tmp_path: Path, programs: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="machines need root") as caught:
        tree.obtain_tree(tmp_path / "cache")
    assert "--kind sshd" in str(caught.value.hint)


def test_a_missing_program_is_named(tmp_path: Path, programs: Path, monkeypatch) -> None:
    (programs / "systemd-nspawn").unlink()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(LabError, match="systemd-nspawn") as caught:
        tree.obtain_tree(tmp_path / "cache")
    assert "fleet lab setup --kind machine" in str(caught.value.hint)
