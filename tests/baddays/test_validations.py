"""Validations that fail, hang, flood, dither or cannot tell."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.model.event import Action, Result
from orchestrator.rollout.states import HostState
from tests.baddays.hosts_site import (
    is_whole,
    left_behind,
    make_area,
    mend_hosts,
    only_new,
    reason,
    results,
    starts,
)
from tests.baddays.site import NEW, OLD, Area, Site, start_site
from tests.labs import eventually

pytestmark = pytest.mark.ssh

NAME = "h001"
A, H, R = Action, HostState, Result


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 1) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    yield shared_site
    mend_hosts(shared_site)


def area_with(site: Site, name: str, text: str, timeout: str = "10s") -> Area:
    check = {"command": {"run": only_new(text), "timeout": timeout}}
    return make_area(site, name, {"validations": [check], "trial": {"deadline": "1m"}})


def went_back(area: Area) -> None:
    """Prove that the host has the old release, and that nothing is left of the new one's try."""
    assert area.rollout().hosts[NAME].state is H.REVERTED
    assert is_whole(area.disk(NAME), OLD)
    assert not area.disk(NAME).on_trial
    assert not area.disk(NAME).locked
    host = area.site.lab.host(NAME)
    assert eventually(lambda: not left_behind(area.site, host))


def test_one_that_fails_takes_the_host_back(site: Site) -> None:
    area = area_with(site, "fails", "echo first; echo 'no database'; exit 3")
    area.apply(NEW, expect=2)
    assert results(area, NAME, A.VALIDATE) == [R.FAILED]
    assert reason(area, NAME, A.VALIDATE) == "validation command of app: exit 3"
    assert "first\nno database" in area.rollout().hosts[NAME].output
    went_back(area)


def test_one_that_hangs_is_ended_with_all_that_it_started(site: Site) -> None:
    hang = "trap '' TERM; sleep 600 & (sleep 601 &); echo still here; wait; sleep 602"
    area = area_with(site, "hangs", hang, timeout="1s")
    area.apply(NEW, expect=2)
    assert results(area, NAME, A.VALIDATE) == [R.INCONCLUSIVE]
    assert reason(area, NAME, A.VALIDATE) == "validation command of app: timed out after 1 s"
    assert "still here" in area.rollout().hosts[NAME].output
    went_back(area)


def test_one_that_floods_is_ended_and_its_last_words_are_kept(site: Site) -> None:
    area = area_with(site, "floods", "yes 'so many words'", timeout="3s")
    with starts(area, NEW) as running:
        peak = peak_memory(running.process)
        assert running.wait() == 2, running.stderr
    assert reason(area, NAME, A.VALIDATE) == "validation command of app: timed out after 3 s"
    output = area.rollout().hosts[NAME].output
    assert set(output.splitlines()[1:-1]) == {"so many words"}
    assert 4096 < len(output) <= 8192
    assert 0 < peak < 256 << 10
    went_back(area)


def peak_memory(process: subprocess.Popen[str]) -> int:
    """Return the most memory, in KiB, that a process has held so far, once it has ended."""
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        peak = int(found[1]) if found else peak
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    return peak


def test_one_that_says_not_yet_is_asked_again(site: Site) -> None:
    dither = 'echo x >>"$HOME/asked"; [ "$(wc -l <"$HOME/asked")" -ge 3 ] || exit 21'
    area = area_with(site, "dithers", dither)
    area.apply(NEW)
    assert results(area, NAME, A.VALIDATE) == [R.DONE]
    assert (site.lab.host(NAME).home / "asked").read_text() == "x\n" * 3
    assert is_whole(area.disk(NAME), NEW)


def test_one_that_never_is_ready_fails_when_the_time_is_up(site: Site) -> None:
    area = make_area(
        site,
        "never",
        {"validations": [{"command": only_new("echo warming up; exit 21")}]},
        timeouts={"validate": "2s"},
    )
    area.apply(NEW, expect=2)
    assert results(area, NAME, A.VALIDATE) == [R.FAILED]
    told = "validation command of app: still not ready: warming up"
    assert reason(area, NAME, A.VALIDATE) == told
    went_back(area)


@pytest.mark.parametrize("text", ["kill -9 $$", "exec /no/such/measure"], ids=["dies", "absent"])
def test_one_that_cannot_tell_counts_as_no_success(site: Site, text: str) -> None:
    area = area_with(site, f"unknown-{len(text)}", text)
    area.apply(NEW, expect=2)
    assert results(area, NAME, A.VALIDATE) == [R.INCONCLUSIVE]
    went_back(area)
