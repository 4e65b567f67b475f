"""The command line by itself: usage, errors and exit codes, without any host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli.main import COMMANDS, main
from orchestrator.cli.rollback import OF_A_RUN, rollback
from orchestrator.errors import ExitCode

PLAN = """\
plan: app
fleet: {inventory: "h1,h2,", hosts: all}
packages:
  app: {on: all, bundle: bundles, version: "1.0.0"}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]])
def test_every_command_helps(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == ExitCode.OK
    assert "Usage: fleet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["aply", "plan.yml"],
        ["apply"],
        ["apply", "plan.yml", "--forks", "none"],
        ["apply", "plan.yml", "-e", "version"],
        ["apply", "plan.yml", "-e", "@nowhere.yml"],
        ["status", "20990101"],
        ["resume", "nothing-like-it"],
        ["why", "last"],
        ["denylist", "lift", "abc"],
        ["lab", "slow", "h001", "--latency", "soon"],
    ],
)
def test_wrong_usage_is_one_clear_line_and_5(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("plan.yml").write_text(PLAN)
    assert main(words) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert error.strip()
    assert "Traceback" not in error


ONLY_WITH_TO = [
    *(["--test"], ["--yes"], ["--preserve-data"], ["--restore-data"], ["--package", "app"]),
    *(["--backup-current"], ["--no-backup-current"], ["-i", "h1,"], ["-e", "version=1"]),
    *(["--hosts", "h1"], ["--limit", "h1"], ["-l", "h1"], ["-f", "2"], ["-u", "ops"]),
    *(["--private-key", "key"], ["-b"], ["--become-method", "sudo"], ["--become-user", "root"]),
    *(["--accept-new"], ["--trust", "signers"]),
]


@pytest.mark.parametrize("words", ONLY_WITH_TO, ids=lambda words: words[0])
def test_a_run_takes_no_flag_that_only_a_way_back_to_reads(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rollback", "app", *words]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert words[0] in error
    assert "hint: with --to only; nothing was changed" in error


def test_each_flag_of_rollback_is_of_a_run_or_refused_with_one() -> None:
    tried = {words[0] for words in ONLY_WITH_TO}
    refused = {it.name for it in rollback.params if {*it.opts, *it.secondary_opts} & tried}
    assert {it.name for it in rollback.params} == refused | OF_A_RUN | {"to"}


@pytest.mark.parametrize("words", [["-K"], ["-v"], ["--output", "plain"]])
def test_flags_that_a_run_takes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "app", *words]) == ExitCode.USAGE
    assert "no run" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["plan.yml", "plans/app"])
def test_a_plan_that_is_taken_for_a_run(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", word]) == ExitCode.USAGE
    assert "--to previous, or --to VERSION" in capsys.readouterr().err


def test_lint_reports_everything_at_once_with_places(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.yml").write_text(PLAN.replace("on: all", "onn: all") + "rollout: {comit: run}\n")
    assert main(["lint", "plan.yml"]) == ExitCode.INVALID
    error = capsys.readouterr().err
    assert "plan.yml:4:9: packages.app.onn: " in error
    assert "did you mean 'on'?" in error
    assert "plan.yml:5:11: rollout.comit: " in error
    assert "did you mean 'commit'?" in error


def test_lint_looks_at_inventory_and_bundles_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.yml").write_text(PLAN)
    assert main(["lint", "--alone", "plan.yml"]) == ExitCode.OK
    assert main(["lint", "plan.yml"]) == ExitCode.INVALID
    assert "allowed_signers" in capsys.readouterr().err


def test_a_missing_plan_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "nowhere.yml"]) == ExitCode.INVALID
    assert "nowhere.yml" in capsys.readouterr().err


def test_a_traceback_only_with_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("plan.yml").write_text(PLAN)

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("orchestrator.compose.read_plan", broken)
    assert main(["lint", "plan.yml"]) == ExitCode.FAILED
    with pytest.raises(RuntimeError, match="a bug"):
        main(["--debug", "lint", "plan.yml"])


def test_schema_is_the_one_in_docs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == ExitCode.OK
    shown = json.loads(capsys.readouterr().out)
    docs = Path(__file__).parents[2] / "docs" / "plan.schema.json"
    assert shown == json.loads(docs.read_text())


def test_history_of_an_empty_journal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history"]) == ExitCode.OK
    assert "no runs yet" in capsys.readouterr().err


def test_no_lab_is_a_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "status"]) == ExitCode.FAILED
    assert "fleet lab up" in capsys.readouterr().err


def test_extra_variables_reach_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.yml").write_text(PLAN.replace('"1.0.0"', '"{{ wanted }}"'))
    assert main(["lint", "--alone", "plan.yml"]) == ExitCode.INVALID
    assert "wanted" in capsys.readouterr().err
    assert main(["lint", "--alone", "plan.yml", "-e", "wanted=2.0.0"]) == ExitCode.OK
    Path("vars.yml").write_text("wanted: 2.0.0\n")
    assert main(["lint", "--alone", "plan.yml", "-e", "@vars.yml"]) == ExitCode.OK
    assert main(["lint", "--alone", "plan.yml", "-e", '{"wanted": "2.0.0"}']) == ExitCode.OK
