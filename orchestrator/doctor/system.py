"""Clock and disks."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from shlex import quote

from orchestrator.clock import iso
from orchestrator.doctor.chart import Area, Chart, Finding, Level
from orchestrator.host.diagnosis import Disk
from orchestrator.host.replies import number, text
from orchestrator.report.figures import size, span

SET_UP = 1_577_836_800
"""2020: a clock before that has no battery, and nobody has set it."""

TOLERATED, WRONG = 30.0, 3600.0
"""Seconds that a clock may be off before it is a warning, and a problem."""

SCARCE, SPENT = (0.05, 1 << 20), (0.01, 64 << 10)
"""Share of a disk, and KiB, that are few, and hardly any; the smaller of the two counts."""


def clock(chart: Chart) -> Iterator[Finding]:
    """Hold the host's clock against ours."""
    if not chart.facts:
        return
    epoch, off = number(chart.facts, "epoch"), abs(chart.skew)
    mend = chart.spelling.on_host_now("date -u -s @$(date +%s)")
    if epoch < SET_UP:
        yield Finding(Level.PROBLEM, Area.CLOCK, f"nobody has set it: it says {iso(epoch)}", mend)
    elif off > TOLERATED:
        level = Level.PROBLEM if off > WRONG else Level.WARNING
        way = "ahead" if chart.skew > 0 else "behind"
        yield Finding(level, Area.CLOCK, f"{span(off)} {way} of this machine's", mend)
    else:
        yield Finding(Level.OK, Area.CLOCK, f"within {TOLERATED:g} s of this machine's")


def disks(chart: Chart) -> Iterator[Finding]:
    """Look at the file systems of root and state, each once."""
    seen: dict[str, list[Disk]] = {}
    for disk in chart.disks:
        seen.setdefault(disk.mount, []).append(disk)
    for mount, here in seen.items():
        found = [*_space(chart, here[0]), *_writing(chart, here)]
        if not found:
            free = f"{size(here[0].free_kib * 1024)} free" if here[0].size_kib else "writable"
            found = [Finding(Level.OK, Area.DISK, f"{mount}: {free}")]
        yield from found


def _space(chart: Chart, disk: Disk) -> Iterator[Finding]:
    """Warn of little room; what fills a disk is for people to find."""
    level = _level(disk.free_kib, disk.size_kib, SCARCE[1], SPENT[1])
    if level is not Level.OK:
        left = f"{size(disk.free_kib * 1024)} of {size(disk.size_kib * 1024)} free"
        yield _scarce(chart, disk, level, left, "du -xk")
    level = _level(disk.inodes_free, disk.inodes)
    if level is not Level.OK:
        left = f"{disk.inodes_free} of {disk.inodes} inodes free"
        yield _scarce(chart, disk, level, left, "du -x --inodes")


def _scarce(chart: Chart, disk: Disk, level: Level, left: str, count: str) -> Finding:
    largest = chart.spelling.on_host(f"{count} {quote(disk.mount)} | sort -n | tail -n 20")
    return Finding(level, Area.DISK, f"{disk.mount}: {left}; look at what fills it", largest)


def _level(free: int, whole: int, scarce: float = inf, spent: float = inf) -> Level:
    """Judge what is left; ``scarce`` and ``spent`` bound the shares of a large whole."""
    if whole and free < min(SPENT[0] * whole, spent):
        return Level.PROBLEM
    if whole and free < min(SCARCE[0] * whole, scarce):
        return Level.WARNING
    return Level.OK


def _writing(chart: Chart, here: list[Disk]) -> Iterator[Finding]:
    if here[0].read_only:
        mend = chart.spelling.on_host(f"mount -o remount,rw {quote(here[0].mount)}")
        yield Finding(Level.PROBLEM, Area.DISK, f"{here[0].mount} is mounted read-only", mend)
        return
    user = text(chart.facts, "user")
    for disk in here:
        if not disk.writable:
            what = f"{user} may not write in {disk.folder} ({disk.what}); raise privileges"
            yield Finding(Level.PROBLEM, Area.DISK, what, chart.spelling.here("doctor", "-b"))
