from __future__ import annotations

from orchestrator.errors import HostError
from orchestrator.host import survey
from orchestrator.host.requests import Place
from orchestrator.model.keeping import DriftPolicy, OnDrift
from orchestrator.ports import Reply

from .scripted import FakeChannel

FAIL, KEEP, OVERWRITE = DriftPolicy
PLACE = Place("gateway", "/r", "/s")
DB = Place("db", "/r", "/s")
AT = "package=gateway root=/r state=/s"


async def test_verify_asks_for_all_packages_at_once() -> None:
    found = {"active": "2.4.0-x", "modified": ["a"], "missing": [], "extra": ["b"]}
    replies = [
        Reply("ok", "", found),
        Reply("no", "nothing is active"),
        Reply("failed", "the manifest does not hold"),
    ]
    channel = FakeChannel({"verify": replies})
    whole, none, broken = await survey.verify(channel, [PLACE, DB, DB], within=90)
    assert whole == survey.VerifyReport("2.4.0-x", modified=("a",), extra=("b",))
    assert none == survey.VerifyReport("")
    assert isinstance(broken, HostError)
    assert broken.message == "the manifest does not hold"
    at_db = "verify package=db root=/r state=/s within=90"
    assert channel.calls == [[f"verify {AT} within=90", at_db, at_db]]


def test_lines_of_a_report() -> None:
    found = {"active": "x", "modified": ["a"], "modified_count": 3, "wrong_mode": ["b"]}
    report = survey.read_report(Reply("ok", "", found))
    assert report.lines() == ["modified: a", "wrong mode: b", "and 2 more"]
    assert not report.clean


def test_extra_files_do_no_harm() -> None:
    assert survey.VerifyReport("2.4.0-x", extra=("b",)).clean
    assert not survey.VerifyReport("").clean


async def test_history() -> None:
    entries = [{"op": "stage"}, "junk", {"op": "commit"}]
    channel = FakeChannel({"history": Reply("ok", "", {"entries": entries})})
    found = await survey.history(channel, "/r", "/s", "gateway", lines=3)
    assert found == ({"op": "stage"}, {"op": "commit"})
    assert channel.calls == [[f"history {AT} lines=3"]]


def test_a_policy_says_what_may_stay() -> None:
    report = survey.VerifyReport(
        "x", modified=("etc/a", "bin/run"), wrong_mode=("etc/b",), kept=("etc/c", "lib/d")
    )
    seen = report.under(OnDrift(FAIL, (("etc/*", KEEP),)))
    assert (seen.modified, seen.wrong_mode) == (("bin/run", "lib/d"), ())
    assert seen.kept == ("etc/c", "etc/a", "etc/b")
    assert report.under(OnDrift(KEEP)).clean
    assert not report.under(OnDrift(FAIL)).kept


def test_many_unmanaged_files_are_no_damage() -> None:
    fields = {"active": "x", "extra": ["a"], "extra_count": 500}
    report = survey.read_report(Reply("ok", "", fields))
    assert report.clean
    assert report.lines() == ["extra: a"]
