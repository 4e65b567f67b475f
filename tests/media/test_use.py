"""The script in people's hands: the menu, results that go elsewhere, services that are shared."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

from tests.media.site import NEW, OLD, PATIENCE, Alone, Site, on


def typed(alone: Alone, medium: Path, *words: str, keys: str) -> str:
    """Run the script at a terminal, type, and return what it said until its end."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["sh", str(medium / "install.sh"), *words],
        env=alone.environ,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, keys.encode())
        said, _ = process.communicate(timeout=PATIENCE)
    os.close(ours)
    return said


def test_a_menu(any_alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("menu", {"store-2": tmp_path / "2", "store-1": any_alone.folder})
    medium = site.medium(plan, tmp_path / "medium")
    said = typed(any_alone, medium, keys="1\n1\n2\n3\nn\n3\ny\n5\n6\n4\ny\nx\nq\n")
    for shown in (
        "  1  store-1",
        "plan menu, host store-1",
        "the medium has",
        "it may be installed",
        "left as it is",
        "done: the release is active",
        "is what was signed",
        "saved 1 results",
        "this host went back",
    ):
        assert shown in said, said
    assert any_alone.active() == on("")


def test_a_menu_outlives_what_fails(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("outlives", {"store-1": alone.folder}), tmp_path / "medium")
    said = typed(alone, medium, "--host", "store-1", keys="4\ny\n3\ny\nq\n")
    assert "has installed nothing here" in said
    assert "done: the release is active" in said


def test_no_room_for_temporary_files(any_alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("no-room", {"store-1": any_alone.folder})
    medium = site.medium(plan, tmp_path / "medium")
    (tmp_path / "file").touch()
    refused = any_alone.run(medium, "--check", expect=2, TMPDIR=str(tmp_path / "file"))
    assert f"cannot make a folder in {tmp_path / 'file'}" in refused.stderr
    assert "TMPDIR=/a/folder sh install.sh" in refused.stderr


def test_results_go_elsewhere(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("stick", {"store-1": alone.folder}), tmp_path / "medium")
    stick = tmp_path / "stick"
    alone.run(medium, "--install", "--yes", "--results", stick)
    assert not (medium / "results").exists()
    assert "store-1  committed" in site.fleet("media", "import", stick).stdout
    (medium / "results").touch()
    refused = alone.run(medium, "--save", expect=2)
    assert "name a folder with --results" in refused.stderr
    alone.run(medium, "--save", "--results", tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == [
        path.name for path in stick.iterdir()
    ]


def test_a_shared_service_is_restarted_once(alone: Alone, site: Site, tmp_path: Path) -> None:
    restart = ['echo once >>"$FLEET_ROOT/restarts"']
    plan = site.plan("shared", {"store-1": alone.folder}, restart=restart)
    alone.install(site.medium(plan, tmp_path / "old"))
    restarts = alone.folder / "root/restarts"
    assert restarts.read_text() == "once\n"
    site.bundle("db", "1.5.0")
    newer = site.plan("shared-db", {"store-1": alone.folder}, restart=restart)
    newer.write_text(
        newer.read_text().replace(
            '"bundles/db", "version": "{{ version }}"', '"bundles/db", "version": "1.5.0"'
        )
    )
    alone.install(site.medium(newer, tmp_path / "db"))
    assert restarts.read_text() == "once\n" * 2
    assert alone.active() == {"app": OLD, "db": "1.5.0"}


def test_secrets_show_in_no_list_of_processes(alone: Alone, site: Site, tmp_path: Path) -> None:
    look = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c [s]wordfish && exit 1; exit 0"
    plan = site.plan("secrets", {"store-1": alone.folder}, validations=[{"command": {"run": look}}])
    alone.install(site.medium(plan, tmp_path / "medium", NEW))
    assert alone.active() == on(NEW)
