"""A host's recovery address: when it is tried, and what is said of it."""

from __future__ import annotations

import pytest

from orchestrator.engines.ssh.recovery import RecoveryConnector
from orchestrator.errors import HostKeyRefused, LoginRefused, Unreachable
from orchestrator.model.fleet import Endpoint, Host
from orchestrator.ports import Detour
from tests.host.scripted import OK, FakeChannel, FakeConnector

OWN, SPARE = Endpoint("10.0.0.1"), Endpoint("10.9.0.1", 2222)
HOST = Host("h1", OWN, recovery=SPARE)
DEAD = Unreachable("cannot reach h1", hint="is it up?")


class Noting(FakeConnector):
    def __init__(self, *doors) -> None:
        super().__init__(*doors)
        self.hosts: list[Host] = []

    async def open(self, host: Host) -> FakeChannel:
        self.hosts.append(host)
        return await super().open(host)


async def test_its_own_address_comes_first() -> None:
    inner = Noting(FakeChannel({}))
    channel = await RecoveryConnector(inner).open(HOST)
    assert not isinstance(channel, Detour)
    assert inner.hosts == [HOST]


async def test_the_recovery_address_when_its_own_is_dead() -> None:
    behind = FakeChannel({"ping": OK})
    inner = Noting(DEAD, behind)
    connector = RecoveryConnector(inner)
    channel = await connector.open(HOST)
    assert isinstance(channel, Detour)
    assert channel.detour == "by its recovery address 10.9.0.1:2222 alone"
    assert [host.endpoint for host in inner.hosts] == [OWN, SPARE]
    assert inner.hosts[1].recovery is None
    assert await channel.call(["ping"], deadline=1) == [OK]
    await channel.close()
    await connector.close()
    assert behind.closed == 1
    assert inner.closed


async def test_both_are_dead_or_the_second_refuses() -> None:
    for refusal in (Unreachable("timed out"), HostKeyRefused("unknown key")):
        with pytest.raises(
            Unreachable, match=r"h1; nor by its recovery address: (timed|unk)"
        ) as it:
            await RecoveryConnector(Noting(DEAD, refusal)).open(HOST)
        assert it.value.hint == "is it up?"


async def test_a_host_that_refuses_us_or_has_no_other_address() -> None:
    inner = Noting(LoginRefused("no"))
    with pytest.raises(LoginRefused):
        await RecoveryConnector(inner).open(HOST)
    assert len(inner.hosts) == 1
    with pytest.raises(Unreachable, match=r"^cannot reach h1"):
        await RecoveryConnector(Noting(DEAD)).open(Host("h1", OWN))
