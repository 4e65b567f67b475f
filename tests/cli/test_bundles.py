"""``fleet bundle`` from a source folder to both forms and back."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.errors import ExitCode


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source folder ``app``, a key, and a trust file that knows it, in the current folder."""
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app/content").mkdir(parents=True)
    (tmp_path / "app/content/README").write_text("hello\n")
    (tmp_path / "app/bundle.yml").write_text("package: app\nversion: 1.2.0\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"], check=True)
    public = (tmp_path / "key.pub").read_text()
    (tmp_path / "signers").write_text(f'ci@x namespaces="fleet-bundle" {public}')
    return tmp_path


def fleet(*words: str) -> int:
    return main(["bundle", *words])


def test_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet("build", "app", "-o", "out", "--file") == ExitCode.OK
    assert "built out/app-1.2.0.fleet: app 1.2.0, 1 files, 6 bytes" in capsys.readouterr().out
    assert fleet("sign", "out/app-1.2.0.fleet", "-k", "key") == ExitCode.OK
    assert fleet("verify", "out/app-1.2.0.fleet", "--trust", "signers") == ExitCode.OK
    assert "signed by ci@x" in capsys.readouterr().out
    assert fleet("unpack", "out/app-1.2.0.fleet", "--trust", "signers") == ExitCode.OK
    assert "unpacked out/app-1.2.0: app 1.2.0-" in capsys.readouterr().out
    assert fleet("pack", "out/app-1.2.0", "-o", "again.fleet") == ExitCode.OK
    assert Path("again.fleet").read_bytes() == Path("out/app-1.2.0.fleet").read_bytes()
    capsys.readouterr()
    assert fleet("inspect", "again.fleet") == ExitCode.OK
    from_file = capsys.readouterr().out
    assert fleet("inspect", "out/app-1.2.0") == ExitCode.OK
    assert from_file == capsys.readouterr().out
    assert json.loads(json.loads(from_file)["manifest"])["package"] == "app"


def test_the_next_revision(capsys: pytest.CaptureFixture[str]) -> None:
    fleet("build", "app")
    fleet("sign", "app/built/app-1.2.0", "-k", "key")
    Path("app/content/README").write_text("mended\n")
    assert fleet("build", "app") == ExitCode.OK
    assert "built app/built/app-1.2.0_r2: app 1.2.0 revision 2, 1 files" in capsys.readouterr().out


def test_pack_names_the_file_after_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet("build", "app", "-o", ".")
    monkeypatch.chdir("app-1.2.0")
    assert fleet("pack", ".") == ExitCode.OK
    assert Path("../app-1.2.0.fleet").is_file()


def test_refusals_are_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    fleet("build", "app", "-o", ".", "--file")
    shutil.copy("app-1.2.0.fleet", "signed.fleet")
    fleet("sign", "signed.fleet", "-k", "key")
    with Path("signed.fleet").open("r+b") as file:
        file.truncate(2000)
    capsys.readouterr()
    for words in (
        ["unpack", "app-1.2.0.fleet", "--trust", "signers"],
        ["unpack", "signed.fleet", "--trust", "signers"],
        ["verify", "signed.fleet", "--trust", "signers"],
        ["inspect", "signed.fleet"],
        ["pack", "app"],
    ):
        assert fleet(*words) == ExitCode.INVALID
        error = capsys.readouterr().err
        assert len(error.strip().splitlines()) == 1
        assert "Traceback" not in error
    assert not Path("app-1.2.0").exists()
    assert not Path("signed").exists()


def test_outputs_that_are_meant_otherwise_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet("build", "app", "-o", "app.fleet") == ExitCode.USAGE
    assert "--file makes it a .fleet file" in capsys.readouterr().err
    assert not Path("app.fleet").exists()
    fleet("build", "app", "-o", "out")
    fleet("sign", "out/app-1.2.0", "-k", "key")
    before = sorted(Path("out").rglob("*"))
    for store, there in [("out", "app-1.2.0/manifest.json"), ("out/app-1.2.0", "manifest.json")]:
        told = fleet("push", "out/app-1.2.0", store, "--trust", "signers")
        assert told == ExitCode.INVALID
        assert f"{store}: no store: there is {there}" in capsys.readouterr().err
    assert sorted(Path("out").rglob("*")) == before


def test_what_an_upgrade_takes(capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"{number:x} some words of text\n" for number in range(9000)]
    for version, file in (("1.2.0", ()), ("1.3.0", ("--file",))):
        Path("app/content/README").write_text("".join(words))
        Path("app/bundle.yml").write_text(f"package: app\nversion: {version}\n")
        assert fleet("build", "app", "-o", "out", *file) == ExitCode.OK
        words.insert(4000, "changed\n")
    for name in ("app-1.2.0", "app-1.3.0.fleet"):
        assert fleet("sign", f"out/{name}", "-k", "key") == ExitCode.OK
    capsys.readouterr()
    ends = ("out/app-1.2.0", "out/app-1.3.0.fleet")
    assert fleet("delta", *ends, "--trust", "signers") == ExitCode.OK
    head, files, _, titles, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("app 1.2.0-")
    assert files == "1 files, 206.7 KiB; not there yet: 1 files, 206.7 KiB"
    assert titles.split() == ["means", "sent", "saving", "make", "undo"]
    sent = {line.split()[0]: int(line.split()[1].replace(",", "")) for line in lines[:-1]}
    assert list(sent) == ["zstd-patch", "bsdiff", "zstd", "xz", "gzip"]
    assert sent["zstd-patch"] < sent["bsdiff"] < 1000 < sent["xz"] < sent["gzip"]
    assert fleet("delta", *ends, "--trust", "signers", "--json") == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert {cost["means"]: cost["sent"] for cost in found["costs"]} == sent
    assert all(cost["undo"] > 0 for cost in found["costs"])
