"""The connector and dropbear: keys, windows and ends of sessions that are not OpenSSH's."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import HostKeyRefused, LoginRefused, ProtocolError, Unreachable
from tests.engines import dropbear
from tests.engines.conftest import connecting
from tests.engines.dropbear import Dropbear
from tests.engines.sshd import make_key

pytestmark = [
    pytest.mark.ssh,
    pytest.mark.skipif(not dropbear.can_be_had(), reason="no mount namespaces for this user"),
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dropbear]:
    daemon = dropbear.start(tmp_path_factory.mktemp("dropbear") / "daemon")
    yield daemon
    daemon.stop()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_host_keys_of_every_kind(tmp_path: Path, kind: str) -> None:
    daemon = dropbear.start(tmp_path / kind, kind=kind)
    try:
        async with connecting() as connector:
            channel = await connector.open(daemon.host())
            assert (await channel.call(["ping a"], deadline=10))[0].reason == "a"
            await channel.close()
    finally:
        daemon.stop()


async def test_a_changed_host_key_is_refused(tmp_path: Path) -> None:
    daemon = dropbear.start(tmp_path / "daemon")
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    daemon.known_hosts.write_text(f"{daemon.place} {other}")
    try:
        async with connecting() as connector:
            with pytest.raises(HostKeyRefused):
                await connector.open(daemon.host())
    finally:
        daemon.stop()


async def test_a_key_that_it_does_not_know_is_refused(daemon: Dropbear, tmp_path: Path) -> None:
    stranger = make_key(tmp_path / "id", comment="stranger")
    async with connecting() as connector:
        with pytest.raises(LoginRefused, match="keys offered: stranger"):
            await connector.open(daemon.host(identity=stranger))


async def test_one_login_serves_calls_that_overlap(daemon: Dropbear) -> None:
    before = daemon.logins
    async with connecting() as connector:
        channel = await connector.open(daemon.host())
        calls = (channel.call([f"ping {n}", "who"], deadline=20) for n in range(20))
        replies = await asyncio.gather(*calls)
        await channel.close()
    assert [reply[0].reason for reply in replies] == [str(n) for n in range(20)]
    assert daemon.logins == before + 1


async def test_a_payload_goes_through_small_windows(daemon: Dropbear, tmp_path: Path) -> None:
    content = os.urandom(20 << 20)
    (tmp_path / "payload").write_bytes(content)
    lines: list[str] = []
    async with connecting() as connector:
        channel = await connector.open(daemon.host())
        [reply] = await channel.call(
            [f"take {len(content)}"], payload=tmp_path / "payload", deadline=60
        )
        assert reply.reason == hashlib.sha256(content).hexdigest()
        await channel.call(["live"], deadline=10, on_output=lines.append)
        await channel.close()
    assert lines == ["line 1", "line 2", "line 3"]


async def test_a_killed_session_is_told(daemon: Dropbear) -> None:
    async with connecting() as connector:
        channel = await connector.open(daemon.host())
        await channel.call(["ping"], deadline=10)
        waiting = asyncio.create_task(channel.call(["sleep 60"], deadline=30))
        await asyncio.sleep(0)
        for session in daemon.sessions():
            os.kill(session, signal.SIGKILL)
        with pytest.raises(Unreachable, match="was lost"):
            await waiting


async def test_a_program_that_ends_is_told(daemon: Dropbear) -> None:
    async with connecting() as connector:
        channel = await connector.open(daemon.host())
        await channel.call(["ping"], deadline=10)
        with pytest.raises(Unreachable, match="ended unasked"):
            await channel.call(["end 3"], deadline=10)
    async with connecting(bootstrap="kill -TERM $$; sleep 9") as connector:
        channel = await connector.open(daemon.host())
        with pytest.raises(Unreachable, match="was ended by SIGTERM"):
            await channel.call(["ping"], deadline=10)
    async with connecting(bootstrap="no-such-program") as connector:
        channel = await connector.open(daemon.host())
        with pytest.raises(ProtocolError, match=r"exit 127") as caught:
            await channel.call(["ping"], deadline=10)
        assert "not found" in caught.value.message


async def test_a_daemon_that_goes_is_told(tmp_path: Path) -> None:
    daemon = dropbear.start(tmp_path / "daemon")
    async with connecting() as connector:
        channel = await connector.open(daemon.host())
        await channel.call(["ping"], deadline=10)
        daemon.stop()
        with pytest.raises(Unreachable):
            await channel.call(["ping"], deadline=10)
        with pytest.raises(Unreachable, match="refused"):
            await connector.open(daemon.host())
