"""Offline media: releases carried to hosts that no network reaches, and their results carried back.

A medium holds what a host needs to be its own controller: the host program, the requests that
fleet would put to it, full content, and a script that asks them in the order of the rollout's core.
What the script did comes back as the events of a run (docs/media.md, docs/adr/0013-media.md).
"""

from orchestrator.media.build import Cargo, lay_down
from orchestrator.media.image import expect_place, master
from orchestrator.media.kit import Alone, Kit, kit_of
from orchestrator.media.medium import Medium
from orchestrator.media.replay import Told, told
from orchestrator.media.results import Story, stories

__all__ = [
    "Alone",
    "Cargo",
    "Kit",
    "Medium",
    "Story",
    "Told",
    "expect_place",
    "kit_of",
    "lay_down",
    "master",
    "stories",
    "told",
]
