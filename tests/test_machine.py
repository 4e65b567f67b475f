"""What is missing of the machine is known, and what was unpacked can be started."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests import machine


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_knows_what_is_missing(tmp_path: Path) -> None:
    program(tmp_path / "zstd", "exit 0")
    wanted = {"zstd": "zstd", "busybox": "busybox"}
    assert machine.lacking(wanted, str(tmp_path)) == {"busybox": "busybox"}


def test_a_program_that_needs_nothing_is_linked(tmp_path: Path) -> None:
    made = program(tmp_path / "tree/busybox", "exit 0")
    machine.wrap(tmp_path / "busybox", made, [])
    machine.wrap(tmp_path / "busybox", made, [])
    assert (tmp_path / "busybox").readlink() == made


def test_a_program_is_given_its_libraries_and_options(tmp_path: Path) -> None:
    made = program(tmp_path / "a tree/sshd", 'echo "$LD_LIBRARY_PATH" "$@"')
    machine.wrap(tmp_path / "sshd", made, [tmp_path / "b", tmp_path / "a"], "-o x=y")
    done = subprocess.run([tmp_path / "sshd", "-D"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path}/a:{tmp_path}/b -o x=y -D\n"


def test_only_helpers_that_are_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "sshd-session").touch()
    assert machine.helper_options(None) == []
    assert machine.helper_options(tmp_path) == [f"-oSshdSessionPath={tmp_path}/sshd-session"]
