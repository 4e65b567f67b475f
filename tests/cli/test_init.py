"""What ``fleet init`` makes works at once on the lab, and replaces nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from orchestrator.cli.init import TEMPLATES
from orchestrator.cli.main import main
from orchestrator.errors import ExitCode
from orchestrator.lab.lab import Lab

OWN_PLAN = """\
plan: hello
fleet: {inventory: "h1,"}
trust: {allowed_signers: allowed_signers}
packages:
  hello:
    on: all
    bundle: bundles/hello-1.0.0
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of fleet's own, and an empty folder to work in."""
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.fixture
def lab(home: Path) -> Iterator[None]:
    try:
        assert main(["lab", "up", "--hosts", "4"]) == ExitCode.OK
        yield
    finally:
        Lab.open(home / "lab").down()


def next_commands(said: str) -> list[list[str]]:
    """Return the commands that ``fleet init`` said to run next, but for those of the shell."""
    lines = [line.split() for line in said.split(":\n\n", 1)[1].splitlines()]
    return [words[1:] for words in lines if words[0] == "fleet"]


@pytest.mark.ssh
@pytest.mark.usefixtures("lab")
def test_the_next_commands_succeed_in_their_order(capsys, monkeypatch):
    capsys.readouterr()
    assert main(["init", "first", "--name", "hello"]) == ExitCode.OK
    commands = next_commands(capsys.readouterr().out)
    assert ["lab", "up"] in commands
    monkeypatch.chdir("first")
    for command in commands:
        assert main(command) == ExitCode.OK, command
    said = capsys.readouterr().out
    assert "4 would change" in said
    assert "4 committed" in said
    assert main(["hosts", "verify", "plan.yml"]) == ExitCode.OK
    assert main(["hosts", "enrol", "plan.yml"]) == ExitCode.OK


@pytest.mark.usefixtures("home")
def test_it_makes_what_it_says(capsys):
    assert main(["init", "hello"]) == ExitCode.OK
    made = {str(path.relative_to("hello")) for path in Path("hello").rglob("*") if path.is_file()}
    assert made == {
        "plan.yml",
        "plan.schema.json",
        "inventory.yml",
        "allowed_signers",
        "keys/.gitignore",
        "keys/signing",
        "keys/signing.pub",
        "hello/bundle.yml",
        "hello/content/bin/hello",
        "hello/content/bin/validate",
    }
    assert stat.S_IMODE(Path("hello/keys/signing").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path("hello/hello/content/bin/validate").stat().st_mode) == 0o755
    texts = [path.read_text() for path in Path("hello").rglob("*") if path.is_file()]
    assert not any(mark in text for mark in ("@NAME@", "@LAB@") for text in texts)
    assert (
        'namespaces="fleet-bundle,fleet-trust" ssh-ed25519 '
        in Path("hello/allowed_signers").read_text()
    )


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", [["lint"], ["apply", "--check"], ["apply"]])
def test_a_script_that_the_bundle_has_not_is_refused_before_any_host_is_asked(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["init", "hello"])
    monkeypatch.chdir("hello")
    main(["bundle", "build", "hello", "-o", "bundles"])
    main(["bundle", "sign", "bundles/hello-1.0.0", "-k", "keys/signing"])
    Path("plan.yml").write_text(OWN_PLAN)
    assert main(["lint", "plan.yml"]) == ExitCode.OK
    Path("plan.yml").write_text(OWN_PLAN + "    triggers: [app_validation: bin/nothere]\n")
    capsys.readouterr()
    assert main([*command, "plan.yml"]) == ExitCode.INVALID
    assert (
        "plan.yml:8:16: packages.hello.triggers[0].app_validation: "
        "the bundle of hello 1.0.0 has no file 'bin/nothere'"
    ) in capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_the_plan_names_its_schema_for_editors(capsys):
    main(["init", "hello"])
    first = Path("hello/plan.yml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=plan.schema.json"
    capsys.readouterr()
    main(["schema"])
    assert json.loads(Path("hello/plan.schema.json").read_text()) == json.loads(
        capsys.readouterr().out
    )


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "there", ["plan.yml", "hello/bundle.yml", "keys/signing", "allowed_signers", "keys/signing.pub"]
)
def test_nothing_is_written_where_something_would_be_replaced(there, capsys):
    path = Path("mine", there)
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert main(["init", "mine", "--name", "hello"]) == ExitCode.USAGE
    assert there in capsys.readouterr().err
    assert [found for found in Path("mine").rglob("*") if found.is_file()] == [path]
    assert path.read_text() == "mine"


@pytest.mark.usefixtures("home")
def test_a_dangling_link_counts_as_something(capsys):
    Path("plan.yml").symlink_to("elsewhere")
    assert main(["init", "--name", "hello"]) == ExitCode.USAGE
    assert not Path("elsewhere").exists()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["../up", "a b", ".hidden", "x" * 65, "1.0", "null", "true"])
def test_names_that_are_none(name, capsys):
    assert main(["init", "there", "--name", name]) == ExitCode.USAGE
    assert "--name NAME" in capsys.readouterr().err
    assert not Path("there").exists()


def test_a_lab_elsewhere_is_named_so_that_yaml_reads_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "a # b"))
    monkeypatch.chdir(tmp_path)
    main(["init", "--name", "hello"])
    assert f'- "{tmp_path}/a # b/lab/inventory.yml"' in Path("plan.yml").read_text()
    assert main(["lint", "--alone", "plan.yml"]) == ExitCode.OK


def test_a_lab_below_the_home_folder_is_named_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FLEET_HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    main(["init", "--name", "hello"])
    assert "- ~/.local/state/fleet/lab/inventory.yml" in Path("plan.yml").read_text()


def test_every_template_is_used():
    folder = resources.files("orchestrator.cli") / "scaffold"
    with resources.as_file(folder) as root:
        there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert there == set(TEMPLATES.values())
