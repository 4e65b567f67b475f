"""Slots from a server that is another process; the time between two tries is not waited for."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from orchestrator.gates.base import GIVING_BACK
from orchestrator.ports import Granted, Held
from tests.certificates import certificate, pem

from .asking import Hours, gate
from .serving import Server

FULL = "semaphore currently full, all slots are locked already (failed_lock_semaphore_full)"


async def test_so_many_hosts_as_there_are_slots(server: Server) -> None:
    many = gate(server.url, group="many", wait=1.0)
    answers = [await many.acquire(host) for host in ("a", "b", "c")]
    assert [isinstance(answer, Granted) for answer in answers] == [True, True, False]
    assert server.holders("many") == ["a", "b"]


async def test_who_has_a_slot_is_granted_it_again(server: Server) -> None:
    for _ in range(2):  # as after a crash of the controller
        assert await gate(server.url).acquire("a") == Granted()
    assert server.holders() == ["a"]


async def test_a_released_slot_is_the_next_host_s(server: Server) -> None:
    assert await gate(server.url).acquire("a") == Granted()
    held = await gate(server.url).acquire("b")
    assert isinstance(held, Held)
    assert (held.gate, held.held_by) == (f"fleet_lock {server.url}, group default", FULL)
    await gate(server.url).release("a")
    assert await gate(server.url).acquire("b") == Granted()
    assert server.holders() == ["b"]


async def test_a_slot_is_released_as_often_as_one_likes(server: Server) -> None:
    assert await gate(server.url).release("never") is None
    assert await gate(server.url).acquire("a") == Granted()
    for _ in range(2):
        assert await gate(server.url).release("b") is None  # not b's to give back
        assert server.holders() == ["a"]
    for _ in range(2):
        assert await gate(server.url).release("a") is None
    assert server.holders() == []


async def test_a_slot_survives_the_crash_of_everyone(server: Server) -> None:
    assert await gate(server.url).acquire("a") == Granted()
    server.stop()
    server.start()
    assert isinstance(await gate(server.url, wait=1.0).acquire("b"), Held)
    assert await gate(server.url).release("a") is None
    assert await gate(server.url).acquire("b") == Granted()


async def test_the_id_is_the_plan_s(server: Server) -> None:
    assert await gate(server.url, id="c988d250").acquire("a") == Granted()
    assert server.holders() == ["c988d250"]


async def test_one_try_at_a_time_and_tries_are_spread(server: Server) -> None:
    await gate(server.url).acquire("a")
    hours = Hours()
    asked = gate(server.url, hours, interval=30.0, wait=600.0)
    answers = [await asked.acquire("b") for _ in range(5)]
    assert hours.waits == []
    held = [answer for answer in answers if isinstance(answer, Held)]
    assert {(one.held_by, one.wait) for one in held} == {(FULL, 600.0)}
    assert all(15 <= one.again <= 45 for one in held)
    assert len({one.again for one in held}) == 5


async def test_no_server_is_no_yes(server: Server) -> None:
    server.stop()
    hours = Hours()
    held = await gate(server.url, hours).acquire("a")
    assert isinstance(held, Held)
    assert held.held_by.startswith("no answer: ")
    assert held.held_by.endswith("; look at the server and the network")
    left = await gate(server.url, hours).release("a")
    assert left
    assert left.held_by.startswith("no answer: ")
    assert GIVING_BACK <= sum(hours.waits) <= GIVING_BACK + 45.0


async def test_a_place_is_given_back_to_a_server_that_comes_back(server: Server) -> None:
    assert await gate(server.url).acquire("a") == Granted()
    server.stop()
    hours = Hours()
    hours.then = server.start
    assert await gate(server.url, hours).release("a") is None
    assert len(hours.waits) == 1
    assert server.holders() == []


async def test_a_yes_that_was_lost_is_given_back_by_who_stops_asking(server: Server) -> None:
    server.mute(True)
    assert isinstance(await gate(server.url).acquire("a"), Held)
    server.mute(False)
    assert server.holders() == ["a"]
    assert await gate(server.url).release("a") is None
    assert server.holders() == []


async def test_a_silent_server_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        held = await gate(url, timeout=1.0, wait=1.0).acquire("a")
    assert isinstance(held, Held)
    assert held.held_by.startswith("no answer within 1 s")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"302 Found\r\nLocation: /v1/pre-reboot", "the server answers 302 Found"),
        (b"500 Oops", "the server answers 500 Oops"),
        (b"423 Locked\r\n\r\n[1]", "the server answers 423 Locked"),
        (b'423 Locked\r\n\r\n{"kind": 1, "value": "x"}', "the server answers 423 Locked"),
        (b'423 Locked\r\n\r\n{"kind": "k", "value": "a\\nb"}', "a b (k)"),
        (b"423 Locked\r\n\r\n" + b"[" * 70_000, "the server answers 423 Locked"),
        (b"nonsense", "no answer: "),
    ],
)
async def test_only_a_clear_yes_is_one(answer: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + head + b"\r\nConnection: close\r\n\r\n" + body)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        held = await gate(url, wait=1.0).acquire("a")
    assert isinstance(held, Held)
    assert held.held_by.startswith(words)


async def test_an_unknown_group_is_told(server: Server) -> None:
    held = await gate(server.url, group="other", wait=1.0).acquire("a")
    assert isinstance(held, Held)
    assert held.held_by == "unknown group 'other' (unknown_group)"


async def test_the_token_is_read_from_its_file_and_never_shown(
    server: Server, tmp_path: Path
) -> None:
    server.stop()
    server.start("--token", "t0k3n")
    file = tmp_path / "token"
    asked = gate(server.url, token_file=str(file), wait=1.0)
    for text, words in (
        (None, f"token_file: {file} cannot be read: No such file or directory"),
        ("", f"token_file: {file} holds no token"),
        ("s3cr\nX-Evil: 1", f"token_file: {file} holds no token"),
        ("s3cr\u00e9t", f"token_file: {file} cannot be read: it is no text"),
        ("s3cret", "who are you? (unauthorized)"),
    ):
        if text is not None:
            file.write_text(text)
        held = await asked.acquire("a")
        assert isinstance(held, Held)
        assert held.held_by == words
        assert "s3cr" not in repr((held, asked))
    file.write_text("t0k3n\n")
    assert await asked.acquire("a") == Granted()


async def test_the_server_must_be_who_it_says(server: Server, tmp_path: Path) -> None:
    authority = certificate("ca", None)
    ca = pem(tmp_path / "ca.pem", authority[0])
    chain = pem(tmp_path / "server.pem", *certificate("127.0.0.1", authority))
    server.stop()
    server.scheme = "https"
    server.start("--tls", str(chain))
    for options, words in (
        ({}, "name its authority in 'ca', or mend the server's certificate"),
        ({"ca": str(tmp_path / "none")}, "cannot be used: No such file or directory"),
        ({"ca": str(tmp_path)}, "cannot be used: "),
    ):
        held = await gate(server.url, None, wait=1.0, **options).acquire("a")
        assert isinstance(held, Held)
        assert words in held.held_by
    assert await gate(server.url, ca=str(ca)).acquire("a") == Granted()
