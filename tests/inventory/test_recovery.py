"""``fleet_recovery`` → the second endpoint of a host."""

from __future__ import annotations

from dataclasses import replace

import pytest


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        ("{'port': 2222}", {"port": 2222}),
        ("{'host': '10.9.0.1'}", {"address": "10.9.0.1"}),
        ("{'host': 'oob', 'port': 22, 'user': 'rescue'}", {"address": "oob", "user": "rescue"}),
        ("{'port': '{{ 2200 + 22 }}'}", {"port": 2222}),
    ],
)
def test_what_it_does_not_say_is_as_for_the_host(ini, value, changes):
    host = ini(f'h ansible_port=22 ansible_user=ops ansible_become=yes fleet_recovery="{value}"\n')[
        "h"
    ]
    assert host.recovery == replace(host.endpoint, **changes)


def test_a_host_without_one(ini):
    assert ini("h\n")["h"].recovery is None
    assert ini('h fleet_recovery="{{ none }}"\n')["h"].recovery is None


def test_it_may_be_a_groups(write, ini):
    fleet = ini("[web]\na\nb\n[web:vars]\nfleet_recovery={'port': 2222}\n")
    assert [host.recovery.port for host in fleet] == [2222, 2222]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("yes", "'yes' is not a mapping; write {port: 2222}"),
        ("{'prot': 22}", "unknown key 'prot'; did you mean 'port'?"),
        ("{'port': 'ssh'}", "'ssh' is not a port; write 1 to 65535"),
        ("{'port': True}", "'True' is not a port; write 1 to 65535"),
        ("{'host': ['a']}", "'['a']' is not text; quote it"),
        ("{'user': 7}", "'7' is not text; quote it"),
        ("{}", "it is the host's own address, port and user; name another host, port or user"),
    ],
)
def test_what_it_may_not_be(problems, value, problem):
    assert problems(f'h fleet_recovery="{value}"\n') == [
        f"hosts:1:3: fleet_recovery: host h: {problem}"
    ]
