"""Logging in for real: who is refused, who is tried again, and through whom we go."""

import asyncio
import os
import signal
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import HostKeyRefused, InputError, LoginRefused, Unreachable
from orchestrator.model.fleet import Jump
from orchestrator.model.plan import Retries
from tests.engines.conftest import connecting
from tests.engines.sshd import free_port, keygen, make_key, output

pytestmark = pytest.mark.ssh

PATIENT = Retries(attempts=12, backoff=0.1, max_backoff=0.5)


async def greet(connector, host) -> str:
    channel = await connector.open(host)
    [reply] = await channel.call(["ping hello"], deadline=10)
    await channel.close()
    return str(reply.reason)


async def test_a_key_that_the_host_does_not_know_is_refused(web1, tmp_path):
    stranger = make_key(tmp_path / "stranger", comment="mallory@laptop")
    async with connecting() as connector:
        with pytest.raises(LoginRefused, match="keys offered: mallory@laptop") as caught:
            await connector.open(web1.host(identity=stranger))
    assert "authorized_keys" in caught.value.hint


async def test_a_wrong_user_is_refused(web1):
    async with connecting() as connector:
        with pytest.raises(LoginRefused, match="refused the login as nobody-here"):
            await connector.open(web1.host(user="nobody-here"))


async def test_a_refusal_is_not_tried_again(own, tmp_path):
    sshd = own.start()
    stranger = make_key(tmp_path / "stranger")
    async with connecting(retries=Retries(attempts=5, backoff=0.01)) as connector:
        with pytest.raises(LoginRefused):
            await connector.open(sshd.host(identity=stranger))
    assert sshd.log.count("Connection from") == 1


async def test_no_key_at_all_says_so(web1):
    host = web1.host()
    host = replace(host, endpoint=replace(host.endpoint, identity_files=()))
    async with connecting() as connector:
        with pytest.raises(LoginRefused, match="there was no key to offer"):
            await connector.open(host)


@pytest.mark.parametrize("content", [None, "nonsense"])
async def test_a_named_key_that_cannot_be_used_says_so(web1, tmp_path, content):
    file = tmp_path / "broken"
    if content is not None:
        file.write_text(content)
    async with connecting() as connector:
        with pytest.raises(LoginRefused, match=f"the key {file} .* cannot be"):
            await connector.open(web1.host(identity=file))


async def test_an_encrypted_key_asks_for_the_agent(web1, tmp_path):
    file = tmp_path / "encrypted"
    keygen("-t", "ed25519", "-N", "secret", "-f", file)
    async with connecting() as connector:
        with pytest.raises(LoginRefused) as caught:
            await connector.open(web1.host(identity=file))
    assert caught.value.hint == f"load it into the ssh-agent: ssh-add {file}"


async def test_a_port_without_sshd_is_unreachable(web1):
    host = web1.host()
    port = free_port(web1.address)
    host = replace(host, endpoint=replace(host.endpoint, port=port))
    async with connecting() as connector:
        with pytest.raises(Unreachable, match=rf"{web1.address}:{port}\): .*refused") as caught:
            await connector.open(host)
    assert "is sshd running" in caught.value.hint


async def test_a_name_that_is_not_known_is_unreachable(web1):
    host = web1.host()
    host = replace(host, endpoint=replace(host.endpoint, address="no-such-host.invalid"))
    async with connecting() as connector:
        with pytest.raises(Unreachable, match="cannot reach web1"):
            await connector.open(host)


async def test_a_silent_port_is_given_up_in_time(web1):
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = web1.host()
        endpoint = replace(host.endpoint, address="127.0.0.1", port=server.getsockname()[1])
        async with connecting(connect_timeout=0.5) as connector:
            with pytest.raises(Unreachable, match=r"no answer within 0\.5 s"):
                await connector.open(replace(host, endpoint=endpoint))


async def test_a_host_that_comes_up_late_is_tried_again(own):
    sshd = own.start()
    sshd.stop()
    async with connecting(retries=PATIENT) as connector:
        opening = asyncio.create_task(connector.open(sshd.host()))
        await asyncio.sleep(0.1)
        own.again(sshd)
        channel = await opening
        await channel.close()


async def test_a_daemon_that_drops_bursts_is_reached_by_everyone(own):
    sshd = own.start("MaxStartups 2:30:5")
    async with connecting(retries=PATIENT) as connector:
        greetings = await asyncio.gather(
            *(greet(connector, sshd.host(f"web{n}")) for n in range(30))
        )
    assert greetings == ["hello"] * 30


async def test_handshakes_are_paced(own):
    sshd = own.start("MaxStartups 2:100:2")
    async with connecting(handshakes=1) as connector:
        assert len(await asyncio.gather(*(greet(connector, sshd.host()) for _ in range(8)))) == 8
    assert "drop connection" not in sshd.log


async def test_a_bastion_is_logged_in_to_once_for_all(own):
    bastion, target = own.start(), own.start("MaxStartups 100")
    jump = Jump(bastion.address, bastion.port)
    async with connecting() as connector:
        hosts = [target.host(f"web{n}", jumps=(jump,)) for n in range(20)]
        assert set(await asyncio.gather(*(greet(connector, host) for host in hosts))) == {"hello"}
    assert bastion.logins == 1
    assert target.logins == 20


async def test_a_chain_of_bastions_is_walked(own):
    outer, inner, target = own.start(), own.start(), own.start()
    jumps = tuple(Jump(each.address, each.port) for each in (outer, inner))
    async with connecting() as connector:
        host = target.host(jumps=jumps)
        assert await greet(connector, host) == "hello"
        assert await greet(connector, host) == "hello"
    assert f"from {inner.address}" not in target.log
    assert (outer.logins, inner.logins, target.logins) == (1, 1, 2)


async def test_a_bastion_that_died_is_opened_again(own):
    bastion, target = own.start(), own.start()
    host = target.host(jumps=(Jump(bastion.address, bastion.port),))
    async with connecting(retries=PATIENT) as connector:
        assert await greet(connector, host) == "hello"
        for pid in bastion.sessions():
            os.kill(pid, signal.SIGKILL)
        assert await greet(connector, host) == "hello"
    assert bastion.logins == 2


async def test_a_bastion_must_show_its_key_too(own):
    bastion, target = own.start(known=False), own.start()
    host = target.host(jumps=(Jump(bastion.address, bastion.port),))
    async with connecting() as connector:
        with pytest.raises(HostKeyRefused, match=f"bastion .*{bastion.address}"):
            await connector.open(host)
    assert bastion.logins == 0


async def test_a_host_behind_a_bastion_that_is_down_is_unreachable(own):
    bastion, target = own.start(), own.start()
    target.stop()
    async with connecting() as connector:
        with pytest.raises(Unreachable, match=f"cannot reach web1 .*{target.address}"):
            await connector.open(target.host(jumps=(Jump(bastion.address, bastion.port),)))


async def test_a_certificate_beside_the_key_logs_in(own, tmp_path):
    authority = make_key(tmp_path / "ca")
    user = make_key(tmp_path / "user")
    login = output("id", "-un")
    keygen("-s", authority, "-I", "me", "-n", login, user.with_suffix(".pub"))
    sshd = own.start(f"TrustedUserCAKeys {authority}.pub", authorized="")
    async with connecting() as connector:
        assert await greet(connector, sshd.host(identity=user)) == "hello"
    assert "ED25519-CERT" in sshd.log


@pytest.fixture
def agent(tmp_path, monkeypatch):
    path = str(tmp_path / "agent")
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    yield path
    process.terminate()
    process.wait(10)


async def add(agent: str, key) -> None:
    for _ in range(500):
        if not Path(agent).exists():  # noqa: ASYNC240
            await asyncio.sleep(0.01)
    output("ssh-add", "-q", key)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
async def test_an_agent_logs_in_for_many(own, agent, tmp_path, kind):
    key = make_key(tmp_path / "held", kind=kind)
    await add(agent, key)
    sshd = own.start("MaxStartups 100", authorized=key.with_suffix(".pub").read_text())
    host = sshd.host()
    host = replace(host, endpoint=replace(host.endpoint, identity_files=()))
    async with connecting(agent=agent) as connector:
        assert set(await asyncio.gather(*(greet(connector, host) for _ in range(8)))) == {"hello"}
    assert sshd.logins == 8


async def test_a_public_key_file_picks_the_key_of_the_agent(own, agent, tmp_path):
    for number in range(7):
        await add(agent, make_key(tmp_path / f"other{number}"))
    key = make_key(tmp_path / "held")
    await add(agent, key)
    key.unlink()
    sshd = own.start(authorized=key.with_suffix(".pub").read_text())
    host = sshd.host(identity=key.with_suffix(".pub"), options=(("IdentitiesOnly", "yes"),))
    async with connecting(agent=agent) as connector:
        assert await greet(connector, host) == "hello"


async def test_an_agent_with_too_many_keys_is_a_refused_login(own, agent, tmp_path):
    for number in range(8):
        await add(agent, make_key(tmp_path / f"other{number}", comment=f"key {number}"))
    sshd = own.start()
    host = sshd.host()
    host = replace(host, endpoint=replace(host.endpoint, identity_files=()))
    async with connecting(agent=agent) as connector:
        with pytest.raises(LoginRefused, match=r"keys offered: key 0 \(ssh-ed25519\), key 1"):
            await connector.open(host)


async def test_an_agent_that_is_gone_is_no_agent(web1, tmp_path):
    async with connecting(agent=str(tmp_path / "gone")) as connector:
        assert await greet(connector, web1.host()) == "hello"


async def test_default_keys_are_tried_when_none_is_named(web1, tmp_path, fleet):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").write_bytes(fleet.identity.read_bytes())
    host = web1.host()
    host = replace(host, endpoint=replace(host.endpoint, identity_files=()))
    async with connecting() as connector:
        assert await greet(connector, host) == "hello"


async def test_the_users_ssh_config_is_honoured(web1, fleet, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        f"Host front\n  Hostname {web1.address}\n  Port {web1.port}\n"
        f"  UserKnownHostsFile {web1.known_hosts}\n"
        f"Host *\n  IdentityFile {fleet.identity}\n"
    )
    host = web1.host()
    host = replace(host, endpoint=type(host.endpoint)("front"))
    async with connecting(config_file=config) as connector:
        assert await greet(connector, host) == "hello"


async def test_a_broken_ssh_config_is_named_with_its_line(tmp_path):
    config = tmp_path / "config"
    config.write_text("Host a\n  Port 22\nMatch canonical\n")
    with pytest.raises(InputError, match=f"{config}:3:1: Match canonical is not supported"):
        async with connecting(config_file=config):
            pass


async def test_closing_the_connector_leaves_no_session_behind(own):
    sshd = own.start()
    async with connecting() as connector:
        for _ in range(3):
            await connector.open(sshd.host())
    for _ in range(500):
        if sshd.sessions():
            await asyncio.sleep(0.01)
    assert sshd.sessions() == []
