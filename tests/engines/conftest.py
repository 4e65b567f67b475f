"""Daemons, connectors, and a small stand-in for the host program."""

import base64
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.engines.ssh import SshConnector, SshSettings
from orchestrator.model.plan import Retries
from tests.engines.sshd import Daemons, daemons

BOOTSTRAP = (
    'exec sh -c \'IFS= read -r p && p=$(printf %s "$p" | base64 -d | gzip -dc) && eval "$p"\' fleet'
)

PROGRAM = r"""
ok() { printf '{"id":%s,"status":"ok","reason":"%s"%s}\n' "$id" "$1" "$2"; }
while IFS= read -r line; do
    set -- $line
    id=$1 op=$2
    shift 2
    case $op in
        ping) ok "$*" ;;
        who) ok "$(id -un)" ",\"pid\":$$" ;;
        sleep) sleep "$1"; ok ;;
        take) n=$(head -c "$1" | sha256sum); ok "${n%% *}" ;;
        live) for n in 1 2 3; do printf '{"id":%s,"output":"line %s"}\n' "$id" "$n"; done; ok ;;
        flood) yes "{\"id\":$id,\"output\":\"$(printf %0200d 0)\"}" ;;
        huge) head -c "$1" /dev/zero | tr '\0' x; echo ;;
        say) printf '%s\n' "$*"; ok ;;
        env) ok "$(tr -cd 'a-zA-Z0-9=-' < /proc/$$/environ)" ;;
        end) echo "going away" >&2; exit "$1" ;;
    esac
done
"""

SETTINGS = SshSettings(
    config_file=None, connect_timeout=10.0, retries=Retries(attempts=1, backoff=0.05)
)


def line(program: str = PROGRAM) -> bytes:
    return base64.b64encode(gzip.compress(program.encode())) + b"\n"


@pytest.fixture(scope="session")
def fleet(tmp_path_factory) -> Iterator[Daemons]:
    yield from daemons(tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Daemons]:
    """Daemons of one test, with known_hosts and keys of their own."""
    yield from daemons(tmp_path)


@pytest.fixture(scope="session")
def web1(fleet):
    return fleet.start()


@pytest.fixture(autouse=True)
def no_agent(monkeypatch, tmp_path):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@asynccontextmanager
async def connecting(program: str = PROGRAM, **changes) -> AsyncIterator[SshConnector]:
    passwords = changes.pop("passwords", None)
    extra = {} if passwords is None else {"become_password": passwords}
    connector = SshConnector(
        bootstrap=changes.pop("bootstrap", BOOTSTRAP),
        program=line(program),
        settings=replace(SETTINGS, **changes),
        **extra,
    )
    try:
        yield connector
    finally:
        await connector.close()
