"""Randomised fault schedules against the host program.

    python bench/faults.py [--count 1000] [--seed 1] [--jobs 4] [--only SEED]

Each schedule drives the real host program on a host of its own: runs begin and go on, sessions and
watchdogs are killed, controllers hang up, requests come twice, late or forged, deadlines pass; as
root the disk fills up and becomes read-only as well. On the way and at the end the safety
properties are checked. The first violation ends it, with the schedule; its seed plays it again.
See bench/README.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.host.faults.acts import draw
from tests.host.faults.play import Stage
from tests.host.platforms import USUAL

OWN_MOUNTS = "FLEET_OWN_MOUNTS"
DISK = OWN_MOUNTS in os.environ
"""Whether disks may be mounted: as root, in a mount namespace of our own."""


def with_own_mounts() -> None:
    """As root, begin anew in a mount namespace."""
    if os.geteuid() == 0 and not DISK:
        os.environ[OWN_MOUNTS] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])


@dataclass(frozen=True)
class Story:
    """What came of one schedule: its acts and faults, what was told, and what was violated."""

    acts: Counter[str]
    told: str
    violation: str = ""


shared: list[Stage] = []
"""What the schedules of one worker process share; made once in each."""


stop = multiprocessing.Event()
"""Set after a violation: no more schedules are begun."""


def worker(folder: str) -> None:
    """Make what is shared."""
    home = Path(tempfile.mkdtemp(dir=folder))
    key = home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    shared.append(Stage.make(home, USUAL, key))


def one(seed: int) -> Story | None:
    """Play the schedule of a seed; ``None`` when it is too late for that."""
    if stop.is_set():
        return None
    schedule = draw(seed, USUAL, disk=DISK)
    acts = Counter(act.kind.name for act in schedule.acts)
    acts += Counter(act.fault.name for act in schedule.acts if act.fault)
    told: list[str] = []
    try:
        shared[0].play(schedule, told, disk=DISK)
    except Exception as error:
        return Story(acts, "\n".join([str(schedule), *told]), f"{type(error).__name__}: {error}")
    return Story(acts, "\n".join([str(schedule), *told]))


def played(seeds: range, jobs: int, folder: str) -> Iterator[Story]:
    """Yield stories as they end; after a violation, only those that were begun."""
    with multiprocessing.Pool(jobs, worker, (folder,)) as pool:
        for story in pool.imap_unordered(one, seeds):
            if story:
                if story.violation:
                    stop.set()
                yield story


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--only", type=int, help="play this seed alone, and tell of it")
    told = parser.parse_args()
    with_own_mounts()
    first = told.seed if told.only is None else told.only
    seeds = range(first, first + (told.count if told.only is None else 1))
    began = time.monotonic()
    done: Counter[str] = Counter()
    bad: list[Story] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for number, story in enumerate(played(seeds, told.jobs, folder), 1):
            done += story.acts
            bad += [story] * bool(story.violation)
            if told.only is not None:
                print(story.told)
            elif number % 50 == 0:
                print(f"{number} of {len(seeds)}, {time.monotonic() - began:.0f} s", flush=True)
    if bad:
        sys.exit("\n\n".join(f"{story.told}\n{story.violation}" for story in bad))
    print(f"{len(seeds)} schedules, no violation, {time.monotonic() - began:.0f} s")
    print(", ".join(f"{name.lower()} {count}" for name, count in done.most_common()))
    if not DISK:
        print("the disk was left alone: that takes root")


if __name__ == "__main__":
    main()
