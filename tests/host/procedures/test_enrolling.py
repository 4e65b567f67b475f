"""Enrolment against the real host program, on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.host.procedures.enrolling import Enrolled, Enrolment, Judge, enrol
from orchestrator.model.fleet import Endpoint, Host
from tests.host.local_channel import LocalConnector

FILE = '#fleet serial 1\nann@x namespaces="fleet-trust" ssh-ed25519 AAAA\n'


def nobody(_pinned: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (), ()


async def pin(folder: Path, file: str, judge: Judge = nobody, path: str = "") -> Enrolled:
    connector = LocalConnector({"PATH": path or os.environ["PATH"]})
    try:
        channel = await connector.open(Host("h", Endpoint("127.0.0.1")))
        state = str(folder / "state")
        return await enrol(
            channel, state, file=file, signatures="", judge=judge, owner="ops", deadline=20
        )
    finally:
        await connector.close()


async def test_pinned_and_pinned_already(tmp_path: Path) -> None:
    assert (await pin(tmp_path, FILE)).result is Enrolment.PINNED
    assert (await pin(tmp_path, FILE)).result is Enrolment.ALREADY
    assert (tmp_path / "state/trust/allowed_signers").read_text() == FILE


async def test_the_host_judges_for_itself(tmp_path: Path) -> None:
    """An ops box whose own judgement is bent gets no further."""
    await pin(tmp_path, FILE)
    asked = []

    def bent(pinned: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        asked.append(pinned)
        return ("ann@x",), ("ann@x",)

    with pytest.raises(HostError, match="not pinned: by the pinned file: its signature does not"):
        await pin(tmp_path, FILE.replace("serial 1", "serial 2"), bent)
    assert asked == [FILE]


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """Return a PATH with busybox, and no ssh-keygen."""
    folder = tmp_path / "bin"
    folder.mkdir()
    busybox = shutil.which("busybox")
    assert busybox
    subprocess.run([busybox, "--install", "-s", str(folder)], check=True)
    return str(folder)


async def test_a_host_that_cannot_verify_is_left_as_it_is(tmp_path: Path, bare: str) -> None:
    answer = await pin(tmp_path, FILE, path=bare)
    assert answer.result is Enrolment.UNABLE
    assert answer.why == "no ssh-keygen on this host"
    assert not (tmp_path / "state").exists()
