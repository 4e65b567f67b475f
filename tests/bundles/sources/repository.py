"""A repository under work, made with the real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources import choose
from orchestrator.bundles.sources.cache import Cache
from orchestrator.bundles.sources.git import GitSource
from orchestrator.bundles.sources.kinds import GIT
from orchestrator.bundles.trust import Trust
from orchestrator.model.ranges import Range

TIME = "1769832246 +0000"
"""When every commit is made: 2026-01-31T04:04:06Z."""

ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_DATE": TIME,
    "GIT_COMMITTER_DATE": TIME,
    **{f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


class Origins:
    """A repository under work, and how plans would get bundles from it."""

    def __init__(self, folder: Path, home: Path, trust: Trust, key: Path) -> None:
        self.folder, self.home, self.trust = folder, home, trust
        self.environ = ENVIRON | {"FLEET_SIGNING_KEY": str(key)}
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        command = ["git", *words]
        return subprocess.check_output(command, cwd=self.folder, env=ENVIRON, text=True).strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def release(self, version: str, tag: str = "", *options: str, more: str = "") -> str:
        self.write("deploy/bundle.yml", f"package: app\nversion: {version}\n{more}")
        self.write("deploy/content/bin/run", f"#!/bin/sh\necho {version}\n", 0o755)
        self.write("deploy/content/README", "hello\r\n")
        return self.tag(tag or f"v{version}", *options)

    def tag(self, tag: str, *options: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", tag)
        self.git("tag", *options, tag)
        return self.git("rev-parse", "HEAD")

    def source(self, folder: str = "deploy", url: str = "") -> GitSource:
        url = url or f"file://{self.folder}"
        cache = Cache(self.home / "bundles")
        return GitSource.at(url, folder, self.home / GIT, cache, self.environ)

    def get(self, version: str = "latest", digest: str = "", folder: str = "deploy") -> Bundle:
        source = self.source(folder)
        offers = source.offers("app")
        offer = choose(offers, Range(version), digest, at=source.place)
        return source.obtain(offer, self.trust)

    def pins(self) -> Path:
        return self.home / "git/pins.json"
