"""Makes one patch in a process of its own: ``python -m … < job``; the answer is one JSON object.

A job is a JSON object with ``means``, the files ``base``, ``target`` and ``patch``, and
``segments``. The answer has ``plain``: how long the target is without a base.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from orchestrator.bundles.delta import encoders
from orchestrator.bundles.delta.encoders import Segment
from orchestrator.model.transfer import Means

NICENESS = 5
"""Connections to hosts go first."""


def main() -> None:
    """Do the job on standard input."""
    os.nice(NICENESS)
    job: dict[str, Any] = json.load(sys.stdin)
    base, target = Path(job["base"]).read_bytes(), Path(job["target"]).read_bytes()
    if Means(job["means"]) is Means.BSDIFF:
        segments = [Segment(tuple(base), tuple(target)) for base, target in job["segments"]]
        patch = encoders.bsdiff(base, target, segments)
    else:
        patch = encoders.zstd_patch(base, target)
    Path(job["patch"]).write_bytes(patch)
    json.dump({"plain": encoders.plain(target)}, sys.stdout)


if __name__ == "__main__":
    main()
