"""The ssh command that people are shown for a target."""

from __future__ import annotations

import pytest

from orchestrator.engines.ssh.target import KNOWN_HOSTS, Target
from orchestrator.engines.ssh.tracing import command

USUAL = KNOWN_HOSTS[2:]
BASTION = Target("bastion", 22, "ops", "bastion")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target("h1", 22, "ops", "h1", USUAL), ["ops@h1"]),
        (Target("h1", 2222, "ops", "h1", USUAL), ["-p", "2222", "ops@h1"]),
        (Target("h1", 22, "ops", "h1", USUAL, identity_files=("/k",)), ["-i", "/k", "ops@h1"]),
        (
            Target("h1", 22, "ops", "h1", ("/known", *USUAL)),
            ["-o", "UserKnownHostsFile=/known", "ops@h1"],
        ),
        (
            Target("h1", 22, "ops", "h1", USUAL, via=Target("b2", 23, "me", "b2", via=BASTION)),
            ["-J", "ops@bastion:22,me@b2:23", "ops@h1"],
        ),
    ],
)
def test_what_ssh_is_told(target: Target, words: list[str]) -> None:
    assert list(command(target)) == ["ssh", *words]
