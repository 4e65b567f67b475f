"""Commands to paste: quoted once for each shell that reads them."""

from __future__ import annotations

import subprocess
from shlex import quote

import pytest

from orchestrator.doctor import Spelling
from orchestrator.model.fleet import Become, BecomeMethod

NASTY = "a b'c\"d;$(touch pwned)"


def test_fleet_commands_with_and_without_a_plan() -> None:
    planned = Spelling("h 1", "my plan.yml", ("-i", "x y"))
    assert planned.fleet("apply") == "fleet apply 'my plan.yml' -l 'h 1' -i 'x y'"
    assert planned.here("doctor", "-K") == "fleet doctor 'my plan.yml' 'h 1' -i 'x y' -K"
    bare = Spelling("h1")
    assert bare.fleet("apply") == "fleet apply PLAN.yml -l h1"
    assert bare.here("hosts unlock") == "fleet hosts unlock h1"


@pytest.mark.parametrize(
    ("become", "command"),
    [
        (None, "ssh h1 id"),
        (Become(), "ssh h1 'sudo -n -u root -- sh -c id'"),
        (Become(BecomeMethod.DOAS, "app"), "ssh h1 'doas -n -u app sh -c id'"),
        (Become(BecomeMethod.SU), "ssh h1 'su root -c id'"),
    ],
)
def test_commands_for_the_host_have_its_privileges(become: Become | None, command: str) -> None:
    assert Spelling("h1", become=become).on_host("id") == command


def test_a_hosts_words_stay_words_in_both_shells() -> None:
    spelling = Spelling("h1", ssh=("sh", "-c"))
    line = spelling.on_host(f"printf %s {quote(NASTY)}")
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == NASTY
