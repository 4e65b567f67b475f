from __future__ import annotations

import pytest

from orchestrator.errors import HostError
from orchestrator.host import survey
from orchestrator.ports import Reply

from .scripted import FakeChannel

AT = "package=gateway root=/r state=/s"


async def test_verify() -> None:
    found = {"active": "2.4.0-x", "modified": ["a"], "missing": [], "extra": ["b"]}
    channel = FakeChannel({"verify": Reply("ok", "", found)})
    report = await survey.verify(channel, "/r", "/s", "gateway")
    assert report == survey.VerifyReport("2.4.0-x", modified=("a",), extra=("b",))
    assert report.lines() == ["modified: a", "extra: b"]
    assert not report.clean
    assert channel.calls == [[f"verify {AT}"]]


def test_extra_files_do_no_harm() -> None:
    assert survey.VerifyReport("2.4.0-x", extra=("b",)).clean
    assert not survey.VerifyReport("").clean


async def test_nothing_is_active() -> None:
    channel = FakeChannel({"verify": Reply("no", "nothing is active")})
    report = await survey.verify(channel, "/r", "/s", "gateway")
    assert report == survey.VerifyReport("")


async def test_a_host_that_cannot_tell() -> None:
    channel = FakeChannel({"verify": Reply("failed", "the manifest does not hold")})
    with pytest.raises(HostError, match="the manifest does not hold"):
        await survey.verify(channel, "/r", "/s", "gateway")


async def test_history() -> None:
    entries = [{"op": "stage"}, "junk", {"op": "commit"}]
    channel = FakeChannel({"history": Reply("ok", "", {"entries": entries})})
    found = await survey.history(channel, "/r", "/s", "gateway", lines=3)
    assert found == ({"op": "stage"}, {"op": "commit"})
    assert channel.calls == [[f"history {AT} lines=3"]]
