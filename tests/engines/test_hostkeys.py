"""Host keys: only those that known_hosts has, in every form that OpenSSH writes."""

import asyncio
from dataclasses import replace

import pytest

from orchestrator.errors import HostKeyRefused
from tests.engines.conftest import connecting
from tests.engines.sshd import keygen, make_key, output

pytestmark = pytest.mark.ssh


async def login(host, **changes) -> None:
    async with connecting(**changes) as connector:
        channel = await connector.open(host)
        await channel.call(["ping"], deadline=10)
        await channel.close()


async def test_an_unknown_key_is_refused_with_the_fix(own):
    sshd = own.start(known=False)
    with pytest.raises(HostKeyRefused, match="which no known_hosts file has") as caught:
        await login(sshd.host())
    fingerprint = output("ssh-keygen", "-l", "-f", sshd.host_key).split()[1]
    assert fingerprint in caught.value.message
    assert f"ssh-keyscan -p {sshd.port} {sshd.address}" in caught.value.hint
    assert "--accept-new" in caught.value.hint
    assert sshd.logins == 0


@pytest.mark.parametrize("accept_new", [False, True])
async def test_a_changed_key_is_always_refused(own, tmp_path, accept_new):
    sshd = own.start(known=False)
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    sshd.known_hosts.write_text(f"# comment\n{sshd.place} {other}")
    with pytest.raises(HostKeyRefused, match=f"CHANGED.*{sshd.known_hosts}:2 has another"):
        await login(sshd.host(), accept_new=accept_new)
    assert sshd.public not in sshd.known_hosts.read_text()


@pytest.mark.parametrize("accept_new", [False, True])
async def test_a_key_of_another_kind_is_a_changed_key(own, tmp_path, accept_new):
    sshd = own.start(known=False)
    other = make_key(tmp_path / "other", kind="ecdsa").with_suffix(".pub").read_text()
    sshd.known_hosts.write_text(f"{sshd.place} {other}")
    with pytest.raises(HostKeyRefused, match=r"CHANGED.* has another"):
        await login(sshd.host(), accept_new=accept_new)


@pytest.mark.parametrize("accept_new", [False, True])
@pytest.mark.parametrize("name", ["*", "{place}", "{address}"])
@pytest.mark.parametrize("listed", [False, True])
async def test_a_revoked_key_is_refused(own, accept_new, name, listed):
    sshd = own.start(known=listed)
    revoked = name.format(place=sshd.place, address=sshd.address)
    with sshd.known_hosts.open("a") as file:
        file.write(f"@revoked {revoked} {sshd.public}\n")
    with pytest.raises(HostKeyRefused, match="revoked"):
        await login(sshd.host(), accept_new=accept_new)


async def test_accept_new_writes_the_key_down_once(own):
    sshd = own.start(known=False)
    sshd.known_hosts.write_text("other ssh-ed25519 AAAA")  # no newline at its end
    async with connecting(accept_new=True) as connector:
        for channel in await asyncio.gather(*(connector.open(sshd.host()) for _ in range(3))):
            await channel.close()
        channel = await connector.open(sshd.host())
        await channel.close()
    lines = sshd.known_hosts.read_text().splitlines()
    assert lines == ["other ssh-ed25519 AAAA", f"{sshd.place} {sshd.public}"]
    await login(sshd.host())


async def test_accept_new_may_be_chosen_for_a_host(own):
    sshd = own.start(known=False)
    await login(sshd.host(options=(("StrictHostKeyChecking", "accept-new"),)))
    assert sshd.public in sshd.known_hosts.read_text()


async def test_a_file_that_cannot_be_read_is_named(own, tmp_path):
    sshd = own.start(known=False)
    (tmp_path / "file").touch()
    host = sshd.host(options=(("UserKnownHostsFile", str(tmp_path / "file/known_hosts")),))
    with pytest.raises(HostKeyRefused, match="cannot be read: Not a dir"):
        await login(host, accept_new=True)


async def test_accept_new_needs_a_file_to_write_to(own):
    sshd = own.start(known=False)
    host = sshd.host(options=(("UserKnownHostsFile", "/proc/known_hosts"),))
    with pytest.raises(HostKeyRefused, match=r"cannot write the key of .* to /proc/known_hosts"):
        await login(host, accept_new=True)


async def test_hashed_names_work(own):
    sshd = own.start()
    keygen("-H", "-f", sshd.known_hosts)
    assert sshd.address not in sshd.known_hosts.read_text()
    await login(sshd.host())


async def test_a_name_without_its_port_works(own):
    sshd = own.start(known=False)
    sshd.known_hosts.write_text(f"{sshd.address} {sshd.public}\n")
    await login(sshd.host())


async def test_an_alias_is_looked_up_instead(own):
    sshd = own.start(known=False)
    sshd.known_hosts.write_text(f"the-front {sshd.public}\n")
    await login(sshd.host(options=(("HostKeyAlias", "the-front"),)))
    with pytest.raises(HostKeyRefused):
        await login(sshd.host(options=(("HostKeyAlias", "the-back"),)))


async def test_the_key_of_an_address_does_not_speak_for_a_name(own):
    sshd = own.start(address="127.0.0.1")
    host = sshd.host()
    with pytest.raises(HostKeyRefused, match="which no known_hosts file has"):
        await login(replace(host, endpoint=replace(host.endpoint, address="localhost")))


async def test_a_host_certificate_is_trusted_by_its_authority(own, tmp_path):
    authority = make_key(tmp_path / "ca")
    sshd = own.start(known=False)
    keygen("-s", authority, "-h", "-I", "web1", "-n", sshd.address, f"{sshd.host_key}.pub")
    sshd.stop()
    config = (sshd.folder / "sshd_config").read_text()
    (sshd.folder / "sshd_config").write_text(f"HostCertificate {sshd.host_key}-cert.pub\n{config}")
    sshd = own.again(sshd)
    public = authority.with_suffix(".pub").read_text()
    sshd.known_hosts.write_text(f"@cert-authority 127.* {public}")
    await login(sshd.host())
    sshd.known_hosts.write_text(f"@cert-authority 10.* {public}")
    with pytest.raises(HostKeyRefused):
        await login(sshd.host())


@pytest.mark.parametrize("value", ["no", "off", "No"])
async def test_switching_verification_off_is_refused(web1, value):
    with pytest.raises(HostKeyRefused, match="fleet always verifies"):
        await login(web1.host(options=(("StrictHostKeyChecking", value),)))


async def test_a_line_that_cannot_be_understood_is_named(own):
    sshd = own.start()
    with sshd.known_hosts.open("a") as file:
        file.write("@nonsense * ssh-ed25519 AAAA\n")
    with pytest.raises(HostKeyRefused, match=f"{sshd.known_hosts}:2 cannot be understood"):
        await login(sshd.host())
