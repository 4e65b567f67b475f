from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bundles.source import load, parse
from orchestrator.errors import BundleError
from orchestrator.model.bundle import Platform

FOLDER = Path("app")


def problems(text: str) -> list[str]:
    with pytest.raises(BundleError) as caught:
        parse(text, FOLDER)
    return [str(problem) for problem in caught.value.problems]


def test_two_keys_are_enough() -> None:
    source = parse("package: app\nversion: 1.0.0\n", FOLDER)
    assert (source.package, source.version, source.revision) == ("app", "1.0.0", 1)
    assert source.content == FOLDER / "content"
    assert source.platform == Platform()
    assert (source.created, source.expires, source.shared, source.hooks) == ("", "", (), {})


def test_all_keys() -> None:
    source = parse(
        """
        package: app
        version: 1.0.0-rc.1+build.5
        revision: 3
        created: 2026-01-31T04:05:06Z
        expires: "2027-01-31T04:05:06Z"
        platform: {os: [debian, alpine], arch: x86_64}
        content: tree
        shared: [data]
        hooks: {pre_activate: bin/a, post_activate: bin/b, pre_revert: bin/c, post_revert: bin/d}
        """,
        FOLDER,
    )
    assert source.revision == 3
    assert source.expires == "2027-01-31T04:05:06Z"
    assert source.platform == Platform(os=("debian", "alpine"), arch=("x86_64",))
    assert source.content == FOLDER / "tree"
    assert list(source.hooks) == ["pre_activate", "post_activate", "pre_revert", "post_revert"]
    assert source.places["data"].line == 9


def test_every_problem_at_once_with_its_place() -> None:
    said = problems(
        "package: ../app\n"
        "version: 2.4\n"
        "verison: 1\n"
        "revision: no\n"
        "created: yesterday\n"
        "content: ../elsewhere\n"
        "shared: [/data, {}]\n"
        "hooks: {pre_activte: x, post_revert: /bin/sh}\n"
        "platform: linux\n"
    )
    assert said == [
        (
            "app/bundle.yml:1:10: package: '../app' is not a package name: "
            "letters, digits, '-', '_' and '.', at most 64 of them"
        ),
        "app/bundle.yml:2:10: version: '2.4' is not a semantic version such as 2.4.1 or 2.5.0-rc.1",
        "app/bundle.yml:3:1: unknown key 'verison'; did you mean 'version'?",
        "app/bundle.yml:4:11: revision: not a whole number of at least 1",
        "app/bundle.yml:5:10: created: 'yesterday' is not an instant such as 2026-01-31T04:05:06Z",
        (
            "app/bundle.yml:6:10: content: '../elsewhere' is no path inside the bundle: "
            "a path with an empty, '.' or '..' component"
        ),
        "app/bundle.yml:7:10: shared: '/data' is no path inside the bundle: an absolute path",
        "app/bundle.yml:8:9: hooks: unknown key 'pre_activte'; did you mean 'pre_activate'?",
        (
            "app/bundle.yml:8:38: hooks.post_revert: '/bin/sh' is no path inside the bundle: "
            "an absolute path"
        ),
        "app/bundle.yml:9:11: platform: not a mapping; write os, arch as keys",
    ]


def test_missing_and_duplicate_keys() -> None:
    assert problems("") == [
        (
            "app/bundle.yml:1:1: not a mapping; write package, version, revision, created, "
            "expires, platform, content, shared, hooks as keys"
        ),
        "app/bundle.yml:1:1: key 'package' is missing; add it",
        "app/bundle.yml:1:1: key 'version' is missing; add it",
    ]
    assert "second time" in problems("package: a\npackage: b\n")[0]


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "01.0.0", "1.0.0-01", "1.0.0-", "1.0.0 "])
def test_versions_are_strict_semver(version: str) -> None:
    assert "not a semantic version" in problems(f"package: a\nversion: '{version}'\n")[0]


def test_a_folder_without_bundle_yml(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no bundle\.yml in it; write bundle\.yml"):
        load(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "bundle.yml").write_bytes(b"package: \xff\n")
    with pytest.raises(BundleError, match="not UTF-8 text"):
        load(tmp_path)
