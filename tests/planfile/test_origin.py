from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.model.plan import Origin

from .plans import MINIMAL, read, refused


def origin(tmp_path: Path, text: str) -> Origin:
    plan = read(tmp_path, MINIMAL.replace("bundle: bundles/app", f"bundle: {text}"))
    return plan.packages[0].bundle


@pytest.mark.parametrize(
    "text",
    ["https://example.org/store", "file:///srv/store"],
)
def test_a_url_stays_as_it_is(tmp_path: Path, text: str) -> None:
    assert origin(tmp_path, text) == Origin(text)


def test_a_path_is_taken_from_the_plans_folder(tmp_path: Path) -> None:
    assert origin(tmp_path, "{location: ./a/../b}") == Origin(str(tmp_path / "b"))


@pytest.mark.parametrize("text", ["some/app", "git@example.org:some/app", "ssh://git@a/b"])
def test_a_repository_by_name(tmp_path: Path, text: str) -> None:
    assert origin(tmp_path, f"{{git: '{text}', folder: deploy}}") == Origin(text, True, "deploy")


def test_a_repository_by_path(tmp_path: Path) -> None:
    assert origin(tmp_path, "{git: ./repo}") == Origin(str(tmp_path / "repo"), True)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{location: a, git: b}", "one origin: a location or git"),
        ("{}", "one origin: a location or git"),
        ("{location: a, folder: b}", "'folder' is of a git repository"),
        ("{git: --upload-pack=x}", "expected a path, URL or short name"),
        ("{git: a/b, folder: ../c}", "expected a path inside the repository"),
        ("{git: a/b, folder: /c}", "expected a path inside the repository"),
        ("https://me:secret@example.org/store", "a name or password in a URL"),
        ("{git: 'https://token@example.org/a'}", "a name or password in a URL"),
    ],
)
def test_origins_that_cannot_be(tmp_path: Path, text: str, what: str) -> None:
    found = refused(tmp_path, MINIMAL.replace("bundle: bundles/app", f"bundle: {text}"))
    assert what in "\n".join(found)
    assert "secret" not in "\n".join(found)


@pytest.mark.parametrize("text", ["latest", '"^2.4"', "2.10", '">=1.2 <3 || 4.x"', "1.0.0-rc.1"])
def test_versions(tmp_path: Path, text: str) -> None:
    plan = read(tmp_path, MINIMAL.replace("bundles/app", f"bundles/app, version: {text}"))
    assert plan.packages[0].version == text.strip('"')


@pytest.mark.parametrize("text", ["newest", '"^"', "1.2.3.4", '">=1 <<2"'])
def test_no_versions(tmp_path: Path, text: str) -> None:
    found = refused(tmp_path, MINIMAL.replace("bundles/app", f"bundles/app, version: {text}"))
    assert "expected a version, a range such as ^2.4, or latest" in found[0]
