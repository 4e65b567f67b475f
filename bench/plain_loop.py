"""The baseline: plain asyncssh with its best options, one connect plus one exec per host.

    python bench/plain_loop.py HOSTS.json COMMAND < STDIN

The file holds ``addresses``, and for all of them ``port``, ``user``, ``key``, ``known_hosts`` and
how many are worked on in ``parallel``. Keys and known_hosts are loaded once, passed as objects.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh

CIPHERS = ["aes128-gcm@openssh.com"]


async def run(site: dict[str, Any], command: str, stdin: bytes) -> None:
    """Run ``command`` on every host, with ``stdin`` on its standard input."""
    options = asyncssh.SSHClientConnectionOptions(
        config=None,
        agent_path=None,
        gss_host=None,
        username=site["user"],
        client_keys=asyncssh.load_keypairs(site["key"]),
        known_hosts=asyncssh.read_known_hosts(site["known_hosts"]),
        encryption_algs=CIPHERS,
        compression_algs=["none"],
        preferred_auth=["publickey"],
        encoding=None,
    )
    slots = asyncio.Semaphore(site["parallel"])

    async def one(address: str) -> None:
        async with (
            slots,
            asyncssh.connect(address, site["port"], config=None, options=options) as connection,
        ):
            await connection.run(command, input=stdin, check=True)

    await asyncio.gather(*map(one, site["addresses"]))


if __name__ == "__main__":
    asyncio.run(
        run(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2], sys.stdin.buffer.read())
    )
