"""The baseline: plain asyncssh with its best options, one connect plus one exec per host."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence

import asyncssh

from orchestrator.model.fleet import Host

CIPHERS = ["aes128-gcm@openssh.com"]


async def run(
    hosts: Sequence[Host], command: str, stdin: bytes | None = None, *, parallel: int = 50
) -> None:
    """Run ``command`` on every host, ``parallel`` at a time, with ``stdin`` on its stdin.

    Keys and known_hosts are those of the first host, loaded once and passed as objects.
    """
    endpoint = hosts[0].endpoint
    known = [value for name, value in endpoint.options if name == "UserKnownHostsFile"]
    options = asyncssh.SSHClientConnectionOptions(
        config=None,
        agent_path=None,
        gss_host=None,
        client_keys=asyncssh.load_keypairs(list(endpoint.identity_files)),
        known_hosts=asyncssh.read_known_hosts(known),
        encryption_algs=CIPHERS,
        compression_algs=["none"],
        preferred_auth=["publickey"],
        encoding=None,
    )
    slots = asyncio.Semaphore(parallel)

    async def one(host: Host) -> None:
        async with (
            slots,
            asyncssh.connect(
                host.endpoint.address,
                host.endpoint.port or 22,
                username=host.endpoint.user or getpass.getuser(),
                config=None,
                options=options,
            ) as connection,
        ):
            await connection.run(command, input=stdin, check=True)

    await asyncio.gather(*map(one, hosts))
