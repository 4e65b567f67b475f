"""Requests and replies over real sshd: pipelining, payloads, floods, cuts, deadlines."""

import asyncio
import hashlib
import os
import signal
import time
import tracemalloc
from pathlib import Path

import pytest

from orchestrator.errors import ProtocolError, Unreachable
from orchestrator.model.fleet import Jump
from tests.engines.conftest import PROGRAM, connecting
from tests.engines.sshd import alive

pytestmark = pytest.mark.ssh


async def until(condition, within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_answers_come_in_the_order_of_requests(web1):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        replies = await channel.call(["ping a", "who", "ping b"], deadline=10)
        assert [reply.status for reply in replies] == ["ok"] * 3
        assert [replies[0].reason, replies[2].reason] == ["a", "b"]
        assert isinstance(replies[1].fields["pid"], int)
        assert (await channel.call(["ping c"], deadline=10))[0].reason == "c"
        await channel.close()


async def test_no_requests_are_no_replies(web1):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        assert await channel.call([], deadline=1) == []
        await channel.close()


async def test_one_login_serves_all_calls(own):
    sshd = own.start()
    async with connecting() as connector:
        channel = await connector.open(sshd.host())
        for _ in range(5):
            await channel.call(["ping"], deadline=10)
        await channel.close()
    assert sshd.logins == 1


async def test_calls_may_overlap(web1):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        replies = await asyncio.gather(
            *(channel.call([f"ping {n}"], deadline=10) for n in range(20))
        )
        assert [reply[0].reason for reply in replies] == [str(n) for n in range(20)]


async def test_live_output_goes_to_the_caller(web1):
    lines: list[str] = []
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        await channel.call(["live"], deadline=10, on_output=lines.append)
    assert lines == ["line 1", "line 2", "line 3"]


async def test_a_payload_is_streamed_in_bounded_memory(web1, tmp_path):
    payload = tmp_path / "payload"
    block = os.urandom(1 << 20)
    with payload.open("wb") as file:
        for _ in range(50):
            file.write(block)
    digest = hashlib.sha256(block * 50).hexdigest()
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        await channel.call(["ping"], deadline=10)
        tracemalloc.start()
        [reply] = await channel.call([f"take {50 << 20}"], payload=payload, deadline=60)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert reply.reason == digest
        assert (await channel.call(["ping after"], deadline=10))[0].reason == "after"
    assert peak < 1 << 20


@pytest.mark.parametrize("behind", [False, True])
async def test_a_host_that_takes_nothing_is_not_sent_much(web1, fleet, tmp_path, behind):
    bastion = fleet.start() if behind else None
    jumps = (Jump(bastion.address, bastion.port),) if bastion else ()
    payload = tmp_path / "payload"
    payload.write_bytes(bytes(20 << 20))
    async with connecting() as connector:
        channel = await connector.open(web1.host(jumps=jumps))
        await channel.call(["ping"], deadline=10)
        tracemalloc.start()
        with pytest.raises(Unreachable, match="did not answer within 1 s"):
            await channel.call(["sleep 30"], payload=payload, deadline=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 20


async def test_a_deadline_ends_the_session_on_the_host(web1):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        [who] = await channel.call(["who"], deadline=10)
        with pytest.raises(Unreachable, match=r"did not answer within 0\.3 s"):
            await channel.call(["flood"], deadline=0.3)
        await until(lambda: not alive(who.fields["pid"]))
        with pytest.raises(Unreachable):
            await channel.call(["ping"], deadline=1)


async def test_a_cancelled_call_ends_the_session_on_the_host(web1):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        [who] = await channel.call(["who"], deadline=10)
        call = asyncio.create_task(channel.call(["flood"], deadline=60))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not alive(who.fields["pid"]))


async def test_closing_ends_the_session_on_the_host(web1):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        [who] = await channel.call(["who"], deadline=10)
        await channel.close()
        await until(lambda: not alive(who.fields["pid"]))


async def test_a_flood_of_output_takes_no_memory(web1):
    seen = 0

    def count(_line: str) -> None:
        nonlocal seen
        seen += 1

    async with connecting() as connector:
        channel = await connector.open(web1.host())
        await channel.call(["ping"], deadline=10)
        tracemalloc.start()
        with pytest.raises(Unreachable):
            await channel.call(["flood"], deadline=1.5, on_output=count)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert seen > 1000
    assert peak < 1 << 20


async def test_a_huge_line_is_refused(web1):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        with pytest.raises(ProtocolError, match="line of more than 1048576 bytes"):
            await channel.call([f"huge {3 << 20}"], deadline=20)


async def test_greetings_before_the_first_answer_are_put_up_with(web1):
    async with connecting(
        "echo 'Welcome to web1!'; echo; echo 'Have fun'\n" + PROGRAM
    ) as connector:
        channel = await connector.open(web1.host())
        assert (await channel.call(["ping hi"], deadline=10))[0].reason == "hi"


async def test_endless_greetings_are_quoted(web1):
    async with connecting("yes 'All your base'") as connector:
        channel = await connector.open(web1.host())
        with pytest.raises(ProtocolError, match=r"'All your base \| All your base"):
            await channel.call(["ping"], deadline=10)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_that_no_document_may_hold_are_refused(web1, number):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        [reply] = await channel.call(['say {"id":1,"status":"ok","load":-1.5e2}'], deadline=10)
        assert reply.fields == {"load": -150.0}
        with pytest.raises(ProtocolError, match="not the host program's"):
            await channel.call([f'say {{"id":2,"status":"ok","load":{number}}}'], deadline=10)


@pytest.mark.parametrize(
    "said", ["not json", '{"id":99,"status":"ok"}', "{broken", '{"id":[]}', "[" * 20_000]
)
async def test_what_is_not_the_protocol_is_quoted(web1, said):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        await channel.call(["ping"], deadline=10)
        program = said.replace("\\", "\\\\")
        with pytest.raises(ProtocolError, match="not the host program's"):
            await channel.call([f"say {program}"], deadline=10)


async def test_a_host_without_the_tools_says_what_is_missing(web1):
    async with connecting(bootstrap="exec sh -c 'nosuchtool -d' fleet") as connector:
        channel = await connector.open(web1.host())
        with pytest.raises(ProtocolError, match=r"nosuchtool: .*not found") as caught:
            await channel.call(["ping"], deadline=10)
        assert "busybox" in caught.value.hint


async def test_a_program_that_ends_later_is_a_lost_session(web1):
    async with connecting() as connector:
        channel = await connector.open(web1.host())
        await channel.call(["ping"], deadline=10)
        with pytest.raises(Unreachable, match="ended unasked"):
            await channel.call(["end 3"], deadline=10)


async def test_a_cut_in_mid_call_is_unreachable(own):
    sshd = own.start()
    async with connecting() as connector:
        channel = await connector.open(sshd.host())
        await channel.call(["ping"], deadline=10)
        call = asyncio.create_task(channel.call(["sleep 60"], deadline=30))
        await asyncio.sleep(0.05)
        for pid in sshd.sessions():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unreachable, match=r"the connection to web1 was lost|ended"):
            await call


async def test_a_frozen_host_is_noticed_by_keepalive(own):
    sshd = own.start()
    async with connecting(keepalive_interval=1, keepalive_count=1) as connector:
        channel = await connector.open(sshd.host())
        await channel.call(["ping"], deadline=10)
        for pid in sshd.family():
            os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="not responding to keepalive"):
            await channel.call(["ping"], deadline=30)
        assert time.monotonic() - begun < 10


async def test_a_frozen_host_meets_the_deadline(own):
    sshd = own.start()
    async with connecting() as connector:
        channel = await connector.open(sshd.host())
        await channel.call(["ping"], deadline=10)
        for pid in sshd.family():
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Unreachable, match=r"within 0\.5 s"):
            await channel.call(["ping"], deadline=0.5)
        await channel.close()


def test_the_payload_is_read_in_chunks(tmp_path: Path):
    from orchestrator.engines.ssh.channel import CHUNK, _chunks

    file = tmp_path / "file"
    file.write_bytes(b"x" * (CHUNK + 1))
    assert [len(chunk) for chunk in _chunks(file, 0)] == [CHUNK, 1]
    assert [len(chunk) for chunk in _chunks(file, CHUNK)] == [1]
