"""A dead process is known as dead, and only that."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from orchestrator.journal import Owner
from orchestrator.journal import owner as module


def test_an_owner_survives_its_text() -> None:
    here = Owner.here()
    assert Owner.parse(str(here)) == here
    assert here.started > 0
    assert here.realm


@pytest.mark.parametrize("text", ["", "somebody", "a:b:c:d", "a:b", ":::", "x:-1:2:r"])
def test_a_foreign_text_is_an_owner_never_proved_dead(text: str) -> None:
    owner = Owner.parse(text)
    assert owner.host == text
    assert not owner.proved_dead()


def test_this_process_lives_and_its_namesake_of_another_time_does_not() -> None:
    here = Owner.here()
    assert not here.proved_dead()
    assert replace(here, started=here.started - 1).proved_dead()


def test_an_owner_of_another_boot_or_machine_is_never_proved_dead() -> None:
    assert not replace(Owner.here(), started=1, realm="another-boot/1").proved_dead()
    assert not replace(Owner.here(), started=0).proved_dead()


def test_a_killed_process_is_dead_before_and_after_it_is_reaped() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(Owner.here(), pid=process.pid, started=module._started(process.pid) or 0)
    assert not owner.proved_dead()
    process.kill()
    with process:
        while module._started(process.pid):
            pass
        assert owner.proved_dead()
    assert owner.proved_dead()
