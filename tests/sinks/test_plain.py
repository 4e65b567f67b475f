"""Plain lines, beside stored text."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.model.event import Action, OperatorAsked, Request, Result
from orchestrator.model.plan import Amount, FailureBudget, UnreachableBudget
from orchestrator.model.wave import Wave
from orchestrator.sinks import SINKS
from orchestrator.sinks.alarms import BURST, POOLED
from tests.report.golden import expect
from tests.report.stories import BAD, bad_release, names, started
from tests.sinks.watching import watch

GOLDEN = Path(__file__).parent / "golden"
plain = SINKS["plain"]


def test_a_bad_release():
    expect(GOLDEN / "plain.txt", watch(plain, *bad_release()))


def test_verbose_tells_every_move():
    text = watch(plain, *bad_release(), verbose=True)
    assert "Z h001: activating\n" in text
    assert "Z h006: reverting: gateway" in text


def test_milestones_are_told_by_quarters():
    text = watch(plain, started(Wave("canary", "canary", names(1, 100)), max_parallel=100))
    assert re.findall(r"canary: .*", text) == [
        f"canary: {quarter} of 100 confirmed" for quarter in (25, 50, 75)
    ]


def test_hosts_that_fail_alike_are_folded_and_their_output_is_told_once():
    hosts = names(1, 400)
    first = started(
        Wave("w", "w", hosts), max_failures=FailureBudget(Amount(400)), max_parallel=400
    )
    text = watch(plain, first, {(host, Action.VALIDATE): BAD for host in hosts})
    lines = [line for line in text.splitlines() if "validation http" in line]
    assert lines[0].endswith("h001: reverting: gateway: validation http: 503")
    assert len(lines) < 400 / 4, "told by every ten seconds, not by host"
    assert text.count("503 Service Unavailable") == 1
    assert told_hosts(lines) == 400


def told_hosts(lines: list[str]) -> int:
    return sum(int(found[1]) if (found := re.search(r"\((\d+) hosts\)", n)) else 1 for n in lines)


def test_thousands_of_different_reasons_do_not_flood():
    hosts = names(1, 999)
    first = started(
        Wave("w", "w", hosts), max_unreachable=UnreachableBudget(Amount(999)), max_parallel=999
    )
    bad = {(h, Action.CHECK): (Result.UNREACHABLE, f"{h}: no route", "") for h in hosts}
    text = watch(plain, first, bad, step=0.001)
    lines = [line for line in text.splitlines() if ": failed" in line]
    assert len(lines) == BURST + POOLED + 1
    assert lines[-1].endswith("(964 hosts): failed: for various other reasons")


def test_hosts_that_go_back_with_their_wave_are_not_failing():
    first, endings = bad_release()
    endings = {("h011", Action.VALIDATE): BAD}
    text = watch(plain, started(*first.spec.waves), endings)
    assert "rolling-back" in text
    assert "h010" not in text


def test_a_person_is_told_by_name_and_reason():
    asked = {30: OperatorAsked(0, Request.ABORT, "eve", "lunch\x1b[2J")}
    text = watch(plain, *bad_release(), asked=asked)
    assert "Z eve asked to abort: lunch\\x1b[2J\n" in text


def test_no_control_code_of_a_host_gets_through():
    first, endings = bad_release()
    endings["h006", Action.VALIDATE] = (Result.FAILED, "\x1b]0;a\x07\nb", "\x1b[2J\r\x9bx\u202ey")
    text = watch(plain, first, endings, at_each=lambda _, sink, __: sink.output("h\x1b", "\tx\x9b"))
    assert not set(text) & set("\x1b\x07\r\x9b\u202e\t")
    assert "h\\x1b |     x\\x9b\n" in text
