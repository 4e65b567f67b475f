"""``fleet bundle push``, ``list`` and ``prune``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.errors import ExitCode
from tests.bundles.conftest import signer_line, write_key

PLAN = """\
plan: app
fleet: {inventory: "h1,", hosts: all}
packages:
  app: {on: all, bundle: store, version: "~1.0"}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with three built bundles, signed by someone whom the user trusts."""
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    key = write_key(tmp_path, "ed25519", "ssh-ed25519")
    (tmp_path / "home/allowed_signers").write_text(signer_line(tmp_path, "ed25519"))
    for version in ("1.0.0", "1.0.1", "1.1.0"):
        folder = tmp_path / "app"
        (folder / "content").mkdir(parents=True, exist_ok=True)
        (folder / "content/version").write_text(version)
        (folder / "bundle.yml").write_text(
            f"package: app\nversion: {version}\ncreated: 2026-01-31T04:05:06Z\n"
            f"urgency: low\nnotes: What is new in {version}\n"
        )
        run("build", "app", "-o", "bundles")
        run("sign", f"bundles/app-{version}", "-k", str(key))
    (tmp_path / "plan.yml").write_text(PLAN)
    return tmp_path


def run(*words: str, expect: int = ExitCode.OK) -> None:
    assert main(["bundle", *words]) == expect


def push_all() -> None:
    run("push", "bundles/app-1.0.0", "bundles/app-1.0.1", "bundles/app-1.1.0", "store")


def test_push_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    push_all()
    run("push", "bundles/app-1.0.0", "store")
    told = capsys.readouterr().out
    assert "pushed app 1.0.0 to store (" in told
    assert "store has app 1.0.0 already" in told
    run("list", "store")
    told = capsys.readouterr().out
    assert [line.split()[1] for line in told.splitlines()[1:]] == ["1.0.0", "1.0.1", "1.1.0"]
    assert "2026-01-31T04:05:06Z  low      What is new in 1.1.0" in told
    run("list", "store", "app", "--output", "json")
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document["version"] for document in documents] == ["1.0.0", "1.0.1", "1.1.0"]
    run("list", "store", "ap", expect=ExitCode.INVALID)
    assert "did you mean 'app'?" in capsys.readouterr().err


def test_where_there_is_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "empty").mkdir()
    run("list", "empty")
    assert f"no bundles in {place}/empty" in capsys.readouterr().err
    run("list", "--git", "./app", expect=ExitCode.USAGE)
    assert "name the package: fleet bundle list --git" in capsys.readouterr().err


def test_only_what_is_trusted_is_pushed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "bundles/app-1.0.0/manifest.sig").unlink()
    run("push", "bundles/app-1.0.0", "bundles/app-1.0.1", "store", expect=ExitCode.INVALID)
    assert "the bundle is not signed" in capsys.readouterr().err
    run("list", "store", "app")
    assert "1.0.1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["push", "bundles", "store"],
        ["push", "bundles/app-1.0.0", "https://example.org/store"],
        ["prune"],
        ["prune", "store"],
        ["prune", "--cache", "lots"],
        ["prune", "store", "--keep", "1", "--cache", "1GiB"],
    ],
)
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run(*words, expect=ExitCode.USAGE)
    assert "Traceback" not in capsys.readouterr().err


def test_prune_keeps_what_plans_ask_for(capsys: pytest.CaptureFixture[str]) -> None:
    push_all()
    run("prune", "store", "--keep", "1", "--plan", "plan.yml", "--check")
    assert "would remove app 1.0.0" in capsys.readouterr().out
    run("prune", "store", "--keep", "1", "--plan", "plan.yml")
    assert capsys.readouterr().out == "removed app 1.0.0\n"
    run("list", "store", "--output", "json")
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document["version"] for document in documents] == ["1.0.1", "1.1.0"]
    run("prune", "bundles", "--keep", "1")
    assert capsys.readouterr().out == "removed app 1.0.0\nremoved app 1.0.1\n"


def test_the_cache_can_be_emptied(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = place / "home/bundles/app/0000"
    left.mkdir(parents=True)
    (left / "manifest.json").write_text("{}")
    run("prune", "--cache", "0")
    assert capsys.readouterr().out == f"removed {left}\n"
    assert not left.exists()
