"""sudo, doas and su: the real ones where the machine lets us set them up, stand-ins elsewhere.

The real ones run in a mount namespace of their own with a copy of /etc: ``op`` needs a password,
``free`` needs none, ``none`` may not become anyone.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.engines.ssh import SshConnector
from orchestrator.errors import BecomeRefused
from orchestrator.host import source
from orchestrator.model.fleet import Become, BecomeMethod, Host
from tests.engines.conftest import SETTINGS, connecting
from tests.engines.sshd import Daemons, alive, output
from tests.engines.test_channel import until

pytestmark = pytest.mark.ssh

SUDO, DOAS, SU = (Become(method) for method in BecomeMethod)
WITHOUT_PASSWORD = [SUDO, DOAS]
PASSWORDS = {SUDO: "op-secret", DOAS: "op-secret", SU: "root-secret"}
FAKES = Path(__file__).parent / "fakes"

SETUP = """
set -e
cp -a /etc "$0/etc"
cd "$0/etc"
uid=61000
for name in op free none; do
    echo "$name:x:$uid:$uid::/tmp:/bin/sh" >> passwd
    echo "$name:x:$uid:" >> group
    uid=$((uid + 1))
done
sed -i '/^root:/d' shadow
for pair in op:op-secret free:other none:other root:root-secret; do
    hash=$(openssl passwd -6 "${pair#*:}")
    echo "${pair%%:*}:$hash:20000:0:99999:7:::" >> shadow
done
mkdir -p sudoers.d
printf '%s\\n' 'op ALL=(ALL) ALL' 'free ALL=(ALL) NOPASSWD: ALL' > sudoers.d/fleet-test
chmod 0440 sudoers.d/fleet-test
printf '%s\\n' 'permit op' 'permit nopass free' > doas.conf
chmod 0400 doas.conf
mount --bind "$0/etc" /etc
exec "$@"
"""

Hosts = Callable[[str, Become], Host]


def _real_can_be_had() -> bool:
    tools = ("unshare", "sudo", "doas", "su", "openssl")
    if os.geteuid() != 0 or not all(map(shutil.which, tools)):
        return False
    return (
        subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0
    )


@pytest.fixture(scope="module", params=["fake", "real"] if _real_can_be_had() else ["fake"])
def kind(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def become_host(kind) -> Iterator[Hosts]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        fleet = Daemons(folder)
        try:
            yield _real(fleet) if kind == "real" else _fake(fleet)
        finally:
            fleet.stop()


def _real(fleet: Daemons) -> Hosts:
    sshd = fleet.start(launcher=("unshare", "-m", "sh", "-c", SETUP, str(fleet.folder)))
    return lambda user, become: sshd.host(user=user, become=become)


def _fake(fleet: Daemons) -> Hosts:
    path = f"{FAKES}:{os.environ['PATH']}"
    daemons = {
        user: fleet.start(f"SetEnv FAKE={user} PATH={path}") for user in ("op", "free", "none")
    }
    return lambda user, become: daemons[user].host(become=become)


@pytest.fixture(scope="module")
def someone(kind) -> str:
    return "root" if kind == "real" else output("id", "-un")


async def who(host: Host, password: str | None) -> str:
    async with connecting(passwords=lambda _host: password) as connector:
        channel = await connector.open(host)
        [reply] = await channel.call(["who"], deadline=10)
        await channel.close()
        return str(reply.reason)


@pytest.mark.parametrize("become", WITHOUT_PASSWORD)
@pytest.mark.parametrize("password", [None, "unneeded"])
async def test_no_password_is_needed(become_host, someone, become, password):
    assert await who(become_host("free", become), password) == someone


@pytest.mark.parametrize("become", [SUDO, DOAS, SU])
async def test_a_password_is_fed(become_host, someone, become):
    assert await who(become_host("op", become), PASSWORDS[become]) == someone


@pytest.mark.parametrize("become", [SUDO, DOAS, SU])
async def test_a_wrong_password_is_refused(become_host, become):
    with pytest.raises(BecomeRefused, match=f"{become.method} does not let us be root") as caught:
        await who(become_host("op", become), "wrong-secret")
    assert "wrong-secret" not in str(caught.value) + caught.value.output


@pytest.mark.parametrize("become", [SUDO, DOAS, SU])
async def test_a_missing_password_is_asked_for(become_host, become):
    with pytest.raises(BecomeRefused, match=f"{become.method} does not let us be root") as caught:
        await who(become_host("op", become), None)
    assert "give the password with -K" in caught.value.hint


@pytest.mark.parametrize("become", [SUDO, DOAS])
@pytest.mark.parametrize("password", [None, "other"])
async def test_who_may_not_is_refused(become_host, become, password):
    with pytest.raises(BecomeRefused):
        await who(become_host("none", become), password)


async def test_an_unknown_user_is_refused(become_host, kind):
    if kind == "real":
        with pytest.raises(BecomeRefused, match="no-such-user"):
            await who(become_host("free", Become(BecomeMethod.SUDO, "no-such-user")), None)


@pytest.mark.parametrize("become", [SUDO, DOAS, SU])
async def test_a_payload_arrives_unchanged(become_host, become, tmp_path):
    """Every byte value, and more than any buffer on the way."""
    content = bytes(range(256)) * 4096 * 4
    payload = tmp_path / "payload"
    payload.write_bytes(content)
    async with connecting(passwords=lambda _host: PASSWORDS[become]) as connector:
        channel = await connector.open(become_host("op", become))
        request = f"take {len(content)}"
        [reply] = await channel.call([request], payload=payload, deadline=60)
        assert reply.reason == hashlib.sha256(content).hexdigest()
        assert (await channel.call(["ping on"], deadline=10))[0].reason == "on"
        await channel.close()


@pytest.mark.parametrize("become", [SUDO, DOAS, SU])
async def test_a_session_that_ends_leaves_nothing_behind(become_host, become):
    async with connecting(passwords=lambda _host: PASSWORDS[become]) as connector:
        channel = await connector.open(become_host("op", become))
        [reply] = await channel.call(["who"], deadline=10)
        assert alive(reply.fields["pid"])
        await channel.close()
        await until(lambda: not alive(reply.fields["pid"]))


@pytest.mark.parametrize("become", [SUDO, DOAS, SU])
async def test_the_password_stays_out_of_sight(become_host, become, caplog):
    secret = PASSWORDS[become]
    async with connecting(passwords=lambda _host: secret) as connector:
        channel = await connector.open(become_host("op", become))
        assert not [args for args in _arguments() if secret.encode() in args]
        [reply] = await channel.call(["env"], deadline=10)
        assert secret not in reply.reason
        await channel.close()
    assert secret not in caplog.text


def _arguments() -> Iterator[bytes]:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes()
        except OSError:
            continue


@pytest.mark.parametrize("become", [SUDO, DOAS, SU])
async def test_the_host_program_itself_starts(become_host, someone, become):
    connector = SshConnector(
        bootstrap=source.BOOTSTRAP,
        program=source.program_line(),
        settings=SETTINGS,
        become_password=lambda _host: PASSWORDS[become],
    )
    channel = await connector.open(become_host("op", become))
    facts, ping = await channel.call(["facts", "ping"], deadline=20)
    assert (facts.fields["user"], ping.status) == (someone, "ok")
    await connector.close()
