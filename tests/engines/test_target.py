"""Inventory, options, ssh_config and defaults made one."""

import getpass
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.engines.ssh.settings import SshSettings
from orchestrator.engines.ssh.target import Target, Targets
from orchestrator.errors import HostKeyRefused, LoginRefused
from orchestrator.model.fleet import Endpoint, Jump

NONE = SshSettings(config_file=None)


def resolve(endpoint: Endpoint, tmp_path: Path | None = None, config: str = "") -> Target:
    settings = NONE
    if tmp_path is not None:
        (tmp_path / "config").write_text(config)
        settings = SshSettings(config_file=tmp_path / "config")
    return Targets(settings).resolve("web1", endpoint)


def test_defaults_are_ssh_s():
    target = resolve(Endpoint("10.0.0.1"))
    assert (target.port, target.user, target.known_as) == (22, getpass.getuser(), "10.0.0.1")
    assert target.known_hosts[0].endswith("/.ssh/known_hosts")
    assert target.known_hosts[-1] == "/etc/ssh/ssh_known_hosts2"
    assert (target.accept_new, target.via) == (False, None)


def test_the_inventory_wins_over_its_options_and_these_over_the_file(tmp_path):
    endpoint = Endpoint("web1", user="a", options=(("User", "b"), ("Port", "2"), ("Port", "3")))
    target = resolve(endpoint, tmp_path, "User c\nPort 4\nHostname 10.0.0.1\n")
    assert (target.user, target.port, target.address) == ("a", 2, "10.0.0.1")
    assert target.known_as == "[10.0.0.1]:2"


def test_a_named_key_is_not_crowded_out(tmp_path):
    config = "IdentityFile ~/.ssh/habitual\n"
    assert resolve(Endpoint("web1"), tmp_path, config).identity_files == (
        str(Path("~/.ssh/habitual").expanduser()),
    )
    named = Endpoint("web1", identity_files=("/k/one",), options=(("IdentityFile", "/k/two"),))
    assert resolve(named, tmp_path, config).identity_files == ("/k/one", "/k/two")


def test_tokens_and_the_environment_are_expanded(monkeypatch):
    monkeypatch.setenv("KEYS", "/keys")
    options = (
        ("IdentityFile", "${KEYS}/%h-%p-%r-%n%%"),
        ("UserKnownHostsFile", "%d/known none '/a b'"),
    )
    target = resolve(Endpoint("web1", 2022, "ops", options=options))
    assert target.identity_files == ("/keys/web1-2022-ops-web1%",)
    assert target.known_hosts[:2] == (str(Path("~/known").expanduser()), "/a b")


def test_options_are_taken_over():
    options = (
        ("ConnectTimeout", "7"),
        ("ServerAliveInterval", "3"),
        ("Ciphers", "aes256-ctr"),
        ("HostKeyAlias", "front"),
        ("IdentitiesOnly", "yes"),
        ("IdentityAgent", "/run/agent"),
        ("StrictHostKeyChecking", "accept-new"),
        ("ControlMaster", "auto"),
    )
    target = resolve(Endpoint("web1", options=options))
    assert (target.connect_timeout, target.keepalive_interval) == (7, 3)
    assert target.algorithms == (("encryption_algs", "aes256-ctr"),)
    assert (target.known_as, target.identities_only) == ("front", True)
    assert (target.agent, target.accept_new) == ("/run/agent", True)


@pytest.mark.parametrize("value", ["none", "NONE"])
def test_an_agent_can_be_switched_off(value):
    settings = replace(NONE, agent="/run/agent")
    endpoint = Endpoint("web1", options=(("IdentityAgent", value),))
    assert Targets(settings).resolve("web1", endpoint).agent == ""


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("ProxyCommand", "nc %h %p", "ProxyCommand is not supported\n  hint: use ProxyJump"),
        ("LocalForward", "1 b:2", "LocalForward is not supported"),
        ("IdentityFil", "x", "IdentityFil is not supported\n  hint: did you mean 'identityfile'"),
        ("Port", "ssh", "port ssh is not supported\n  hint: give a whole number"),
    ],
)
def test_what_is_not_supported_says_so(option, value, complaint):
    with pytest.raises(LoginRefused, match=complaint):
        resolve(Endpoint("web1", options=((option, value),)))


def test_verification_stays_on(tmp_path):
    with pytest.raises(HostKeyRefused, match="use --accept-new"):
        resolve(Endpoint("web1", options=(("StrictHostKeyChecking", "no"),)))
    target = resolve(Endpoint("web1"), tmp_path, "StrictHostKeyChecking no\n")
    assert not target.accept_new


def test_the_way_leads_through_the_jumps(tmp_path):
    config = (
        "Host b1\n  User jumper\n  Port 2200\nHost web1\n  ProxyJump x@b1,ssh://b2:23,[fe80::1]:24"
    )
    target = resolve(Endpoint("web1"), tmp_path, config)
    way = []
    while target.via is not None:
        target = target.via
        way.append((target.user, target.address, target.port))
    assert way == [
        (getpass.getuser(), "fe80::1", 24),
        (getpass.getuser(), "b2", 23),
        ("x", "b1", 2200),
    ]


def test_the_inventory_s_jumps_win_and_hosts_share_them(tmp_path):
    config = "ProxyJump none\n"
    hosts = [Endpoint(f"web{n}", jumps=(Jump("b1", 2200, "ops"),)) for n in range(2)]
    first, second = (resolve(host, tmp_path, config).via for host in hosts)
    assert first == second
    assert first is not None
    assert str(first) == "ops@b1:2200"


def test_a_bastion_takes_over_keys_and_trust_but_no_names():
    options = (("UserKnownHostsFile", "/known"), ("HostKeyAlias", "front"), ("Port", "2022"))
    endpoint = Endpoint("web1", identity_files=("/key",), jumps=(Jump("b1"),), options=options)
    via = resolve(endpoint).via
    assert via is not None
    assert (via.identity_files, via.known_hosts[0]) == (("/key",), "/known")
    assert (via.known_as, via.port) == ("b1", 22)
