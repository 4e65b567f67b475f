"""Tens of thousands of damaged and hostile bundles against the reader.

    python bench/fuzz.py [--count 20000] [--seed 1] [--seconds 5]

Each mutant must be accepted exactly as it is, or refused with one clear error that leaves nothing
behind, within some seconds. The first that is not ends the run, with what makes it again. See
bench/README.md.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import asyncssh

sys.path.insert(0, str(Path(__file__).parent.parent))

from orchestrator.bundles.build import build
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust
from tests.bundles.mutants import INSIDERS, Victim, judge, outsider

BUNDLE_YML = """\
package: app
version: 1.2.0
created: 2026-01-31T04:05:06Z
platform: {os: debian}
shared: [data]
hooks: {pre_activate: bin/hook}
requires: {packages: {db: ^2}, memory: 1MiB, tags: [gpu]}
provides: {api: 1.0.0}
floors: [">=1"]
config: {etc/app.yml: 3}
"""
CONTENT = {"bin/hook": b"#!/bin/sh\n", "etc/app.yml": b"port: 80\n", "README": b"x" * 600}


def victim(folder: Path) -> Victim:
    source = folder / "source"
    for name, raw in CONTENT.items():
        path = source / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        path.chmod(0o755 if name.startswith("bin/") else 0o644)
    (source / "content/link").symlink_to("bin/hook")
    (source / "bundle.yml").write_text(BUNDLE_YML)
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "key")
    public = key.export_public_key().decode()
    trust = Trust.parse(f'ci@x namespaces="fleet-bundle" {public}', "signers")
    built = build(source).folder
    sign(built, folder / "key")
    return Victim(built, key, trust)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--count", type=int, default=20_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--seconds", type=int, default=5, help="what one mutant may take")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), asked.count, asked.seed, asked.seconds)


def run(folder: Path, count: int, seed: int, seconds: int) -> None:
    target = victim(folder)
    (folder / "work").mkdir()
    told: Counter[str] = Counter()
    slowest = 0.0
    started = time.perf_counter()
    mutators = (outsider, *INSIDERS, outsider)
    for number in range(count):
        mutator = mutators[number % len(mutators)]
        raw = mutator(target, random.Random(f"{seed}/{number}"))
        signal.alarm(seconds)
        began = time.perf_counter()
        try:
            accepted = judge(raw, folder / "work", target.trust)
        except BaseException:
            print(f"mutant {number} of seed {seed}, by {mutator.__name__}:", file=sys.stderr)
            raise
        slowest = max(slowest, time.perf_counter() - began)
        signal.alarm(0)
        told[f"{mutator.__name__}: {'accepted' if accepted else 'refused'}"] += 1
    took = time.perf_counter() - started
    print(f"{count} mutants of seed {seed} in {took:.0f} s, the slowest {slowest * 1000:.0f} ms")
    for line, number in sorted(told.items()):
        print(f"{number:8} {line}")


def hung(*_: object) -> None:
    raise TimeoutError("a mutant took too long")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, hung)
    main()
