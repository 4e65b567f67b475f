"""Connection variables → endpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory import ConnectionDefaults, load, select
from orchestrator.inventory.sshargs import parse
from orchestrator.model.fleet import Become, BecomeMethod, Endpoint, Jump


def endpoint(ini, line: str, **defaults: object) -> Endpoint:
    chosen = ConnectionDefaults(**defaults)  # type: ignore[arg-type]
    found: Endpoint = ini(f"h {line}\n", defaults=chosen)["h"].endpoint
    return found


DOAS = BecomeMethod.DOAS


@pytest.mark.parametrize(
    ("line", "flags", "expected"),
    [
        ("", {}, {"address": "h"}),
        ("ansible_host=10.0.0.1 ansible_port=2222", {}, {"address": "10.0.0.1", "port": 2222}),
        ("ansible_ssh_host=a ansible_host=b", {}, {"address": "a"}),
        ("ansible_port='\"{{ 2200 + 22 }}\"'", {}, {"port": 2222}),
        ("ansible_user=deploy", {"user": "ops"}, {"user": "deploy"}),
        ("ansible_ssh_user=old ansible_user=new", {}, {"user": "old"}),
        ("", {"user": "ops"}, {"user": "ops"}),
        ("ansible_ssh_common_args='-l args'", {"user": "ops"}, {"user": "ops"}),
        ("ansible_ssh_common_args='-l args -p 23'", {}, {"user": "args", "port": 23}),
        ("ansible_port=22 ansible_ssh_extra_args='-p 23'", {}, {"port": 22}),
        ("ansible_port=22 ansible_ssh_args='-p 23'", {}, {"port": 23}),
        ("ansible_private_key_file=/k", {"private_key": "/f"}, {"identity_files": ("/k",)}),
        ("", {"private_key": "/f"}, {"identity_files": ("/f",)}),
        (
            "ansible_ssh_private_key_file=/k ansible_ssh_common_args='-i /l -o IdentityFile=/m'",
            {},
            {"identity_files": ("/k", "/l", "/m")},
        ),
        ("", {"become": True}, {"become": Become()}),
        ("ansible_become=no", {"become": True}, {"become": None}),
        ("ansible_become=false", {"become": True}, {"become": None}),
        ("ansible_become=yes", {}, {"become": Become()}),
        (
            "ansible_become=1 ansible_become_method=community.general.doas",
            {"become_user": "app"},
            {"become": Become(DOAS, "app")},
        ),
        (
            "ansible_become_user=db ansible_become_method=su",
            {"become": True, "become_method": DOAS, "become_user": "app"},
            {"become": Become(BecomeMethod.SU, "db")},
        ),
        (
            "ansible_become=yes ansible_become_password=s ansible_password=t",
            {},
            {"become": Become()},
        ),
        ("ansible_connection=smart", {}, {}),
        (
            "ansible_ssh_common_args='-C -o A=b'",
            {},
            {"options": (("Compression", "yes"), ("A", "b"))},
        ),
    ],
)
def test_variables_and_flags(ini, line, flags, expected):
    assert endpoint(ini, line, **flags) == Endpoint(**{"address": "h", **expected})


def test_a_key_in_the_home_folder(ini):
    found = endpoint(ini, "ansible_ssh_private_key_file=~/.ssh/key")
    assert found.identity_files == (str(Path("~/.ssh/key").expanduser()),)


@pytest.mark.parametrize(
    ("arguments", "jumps"),
    [
        ("-J bastion", (Jump("bastion"),)),
        ("-Jops@bastion:2222,second", (Jump("bastion", 2222, "ops"), Jump("second"))),
        ("-o ProxyJump=ops@[fe80::1]:22", (Jump("fe80::1", 22, "ops"),)),
        ("-o 'proxyjump ssh://ops@b:7'", (Jump("b", 7, "ops"),)),
        ("-oProxyJump=none -J b", ()),
        ("-J first -o ProxyJump=second", (Jump("first"),)),
        ("""-o ProxyCommand="ssh -W %h:%p ops@b" """, (Jump("b", None, "ops"),)),
        ("-o 'ProxyCommand=ssh -q -p 2222 -l ops b -W %h:%p'", (Jump("b", 2222, "ops"),)),
        ("-o 'ProxyCommand=ssh -W %h:%p b' -J c", (Jump("b"),)),
        ("-o ProxyCommand=none", ()),
    ],
)
def test_ways_to_write_a_jump(arguments, jumps):
    found = parse(arguments)
    assert (found.jumps, found.options, found.faults) == (jumps, [], [])


@pytest.mark.parametrize(
    "command",
    ["ssh -i /key -W %h:%p b", "nc %h %p", "ssh -W %h:22 b", "ssh b nc %h %p", "ssh 'x"],
)
def test_other_proxy_commands_stay_commands(command):
    found = parse(f'-o ProxyCommand="{command}"')
    assert (found.jumps, found.options) == (None, [("ProxyCommand", command)])


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (
            "-4C -oServerAliveInterval=5",
            [("AddressFamily", "inet"), ("Compression", "yes"), ("ServerAliveInterval", "5")],
        ),
        ('-o "UserKnownHostsFile = /dev/null" -vq', [("UserKnownHostsFile", "/dev/null")]),
        (
            "-o StrictHostKeyChecking=no -c aes128-ctr",
            [("StrictHostKeyChecking", "no"), ("Ciphers", "aes128-ctr")],
        ),
    ],
)
def test_the_rest_are_options(arguments, options):
    found = parse(arguments)
    assert (found.options, found.faults) == (options, [])


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("-L 80:a:80", "argument '-L' of ssh is not supported"),
        ("host", "'host' is no option of ssh"),
        ("-p", "'' is not a port"),
        ("-o Port=x", "'x' is not a port"),
        ("-o Lonely", "option 'Lonely' of ssh has no value"),
        ("-J a:b", "'a:b' is not a jump host; write user@host:port"),
        ("-o 'x", "it cannot be split into words: no closing quotation"),
    ],
)
def test_arguments_that_mean_nothing(arguments, fault):
    assert fault in parse(arguments).faults


def test_all_problems_of_all_hosts_at_once_and_each_but_once(problems):
    text = """\
    [web]
    web[1:3] ansible_connection=local
    db ansible_port=ssh ansible_become=maybe
    app ansible_become=yes ansible_become_method=soda ansible_user="[1]"
    cache ansible_host="{{ adress }}" address=1
    far ansible_ssh_common_args="-N"
    """
    assert problems(text) == [
        (
            "hosts:2:10: ansible_connection: host web1 and 2 more: connection 'local' is not "
            "supported, only ssh is; leave the host out of the fleet, or reach it over ssh"
        ),
        "hosts:3:4: ansible_port: host db: 'ssh' is not a port; write 1 to 65535",
        ("hosts:3:21: ansible_become: host db: 'maybe' is neither yes nor no; write true or false"),
        "hosts:4:51: ansible_user: host app: '[1]' is not text; quote it",
        (
            "hosts:4:24: ansible_become_method: host app: method 'soda' is not supported; "
            "use sudo, doas or su"
        ),
        (
            "hosts:5:7: ansible_host: host cache: variable 'adress' is not defined; "
            "did you mean 'address'?"
        ),
        "hosts:6:5: ansible_ssh_common_args: host far: argument '-N' of ssh is not supported",
    ]


def test_hosts_that_nobody_wants_need_no_ssh(write):
    name = write("hosts", "localhost ansible_connection=local\n[web]\nweb1\n")
    fleet = load([name], wanted="web,all[1]")
    assert select(fleet, "all[1]") == select(fleet, "all") == ("web1",)
    assert select(fleet, "localhost") == ()
    assert [host.name for host in fleet] == ["web1"]
    assert fleet.groups == {"all": ("web1",), "ungrouped": (), "web": ("web1",)}
