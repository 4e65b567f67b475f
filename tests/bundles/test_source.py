from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bundles.header import Header
from orchestrator.bundles.source import load, parse
from orchestrator.errors import BundleError
from orchestrator.model.bundle import ConfigEntry, Platform, Requirements, Urgency

FOLDER = Path("app")


def problems(text: str) -> list[str]:
    with pytest.raises(BundleError) as caught:
        parse(text, FOLDER)
    return [str(problem) for problem in caught.value.problems]


def test_two_keys_are_enough() -> None:
    source = parse("package: app\nversion: 1.0.0\n", FOLDER)
    assert source.header == Header("app", "1.0.0", revision=0, created="")
    assert (source.content, source.shared) == (FOLDER / "content", ())


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
        hooks: {post_stage: bin/a, pre_activate: bin/a, post_activate: bin/b, pre_revert: bin/c,
                post_revert: bin/d, cleanup: bin/e}
        urgency: critical
        notes: |
          Mends the leak.

          Restart twice.
        requires: {packages: {db: ^2.4, app-tools: 1.0.0}, memory: 512MiB, tags: gpu}
        provides: {app-api: 2.1.0}
        floors: [">=0.9", "<3"]
        config: {etc/app.yml: 3, data/app.db: 12}
        reads: {data/app.db: 14}
        """,
        FOLDER,
    )
    assert source.header == Header(
        package="app",
        version="1.0.0-rc.1+build.5",
        revision=3,
        created="2026-01-31T04:05:06Z",
        expires="2027-01-31T04:05:06Z",
        platform=Platform(os=("debian", "alpine"), arch=("x86_64",)),
        hooks={
            "post_stage": "bin/a",
            "pre_activate": "bin/a",
            "post_activate": "bin/b",
            "pre_revert": "bin/c",
            "post_revert": "bin/d",
            "cleanup": "bin/e",
        },
        urgency=Urgency.CRITICAL,
        notes="Mends the leak.\n\nRestart twice.",
        requires=Requirements((("app-tools", "1.0.0"), ("db", "^2.4")), 512 << 20, ("gpu",)),
        provides=(("app-api", "2.1.0"),),
        floors=(">=0.9", "<3"),
        config=(ConfigEntry("data/app.db", 12), ConfigEntry("etc/app.yml", 3)),
        reads=(("data/app.db", 14),),
    )
    assert source.content == FOLDER / "tree"
    assert (source.places["data"].line, source.places["etc/app.yml"].line) == (9, 20)


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
        "urgency: urgent\n"
        'notes: "\\e[2J"\n'
        "requires: {packages: {db: latest, ../x: ^2}, memory: much, tag: gpu}\n"
        "provides: api\n"
        "floors: [two]\n"
        "config: {/etc/passwd: 1, etc/app.yml: new}\n"
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
        ("app/bundle.yml:10:10: urgency: 'urgent' is not one of low, normal, critical"),
        "app/bundle.yml:11:8: notes: not text: a control character is in it",
        (
            "app/bundle.yml:12:27: requires.packages.db: 'latest' is not a range of versions "
            "such as ^2.4 or >=2.0.0 <3"
        ),
        (
            "app/bundle.yml:12:35: requires.packages: '../x' is not a package name: letters, "
            "digits, '-', '_' and '.', at most 64 of them"
        ),
        (
            "app/bundle.yml:12:54: requires.memory: not a size; write bytes, or a number with a "
            "unit such as 512MiB"
        ),
        "app/bundle.yml:12:60: requires: unknown key 'tag'; did you mean 'tags'?",
        "app/bundle.yml:13:11: provides: not a mapping; write 'name: value' lines",
        (
            "app/bundle.yml:14:10: floors: 'two' is not a range of versions such as ^2.4 "
            "or >=2.0.0 <3"
        ),
        (
            "app/bundle.yml:15:10: config: '/etc/passwd' is no path inside the bundle: "
            "an absolute path"
        ),
        "app/bundle.yml:15:39: config.etc/app.yml: not a whole number of at least 0",
    ]


def test_a_bundle_cannot_bring_the_hook_that_comes_before_it() -> None:
    assert problems("package: app\nversion: 1.0.0\nhooks: {pre_stage: bin/a}\n") == [
        (
            "app/bundle.yml:3:20: hooks.pre_stage: runs before the bundle's content is on the "
            "host, and cannot come from it; give it as shell text in the plan: "
            "packages.<name>.hooks.pre_stage"
        )
    ]


def test_missing_and_duplicate_keys() -> None:
    assert problems("") == [
        (
            "app/bundle.yml:1:1: not a mapping; write package, version, revision, created, "
            "expires, urgency, notes, platform, requires, provides, floors, content, shared, "
            "config, reads, reboot, hooks as keys"
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
