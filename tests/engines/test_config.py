"""ssh_config(5) as OpenSSH reads it; ``ssh -G`` is asked where it can be."""

import time

import pytest

from orchestrator.engines.ssh.config import SshConfig
from orchestrator.errors import InputError
from tests.engines.sshd import output


def read(tmp_path, text: str) -> SshConfig:
    file = tmp_path / "config"
    file.write_text(text)
    return SshConfig(file)


EXAMPLES = [
    "User first\nUser second\n",
    "Host web*\n  User web\nHost *\n  User all\n  Port 2222\n",
    "Host web* !web1\n  User web\nHost *\n  User all\n",
    "Host !web1\n  User nobody\n",
    "Host a,b web1\n  User several\n",
    "Host web?\n  Port=2022\n  User = spaced\n",
    'Host web1\n  User "quoted"\n',
    "Host WEB1\n  User upper\n",
    "Host web1\n  Hostname other.example\nMatch host other.example\n  User renamed\n",
    "Host web1\n  Hostname other.example\nMatch originalhost web1\n  User original\n",
    "Match user root\n  Port 2200\nMatch !user root\n  Port 2300\n",
    "User ops\nMatch user ops,root\n  Port 2200\n",
    "Host web[12]\n  User bracket\n",
    "# comment\n\n  Match all\n User everyone\n",
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_it_reads_as_ssh_does(tmp_path, text):
    file = tmp_path / "config"
    file.write_text(text)
    config = SshConfig(file)
    theirs = dict(
        line.split(None, 1)
        for line in output("ssh", "-G", "-F", file, "web1").splitlines()
        if " " in line
    )
    found = config.lookup("web1")
    ours = {
        "user": found.get("user", (output("id", "-un"),))[0],
        "port": found.get("port", ("22",))[0],
        "hostname": found.get("hostname", ("web1",))[0],
    }
    assert ours == {key: theirs[key] for key in ours}


def test_keys_add_up_and_other_options_do_not(tmp_path):
    config = read(tmp_path, "Host web1\n IdentityFile a\n Port 1\nHost *\n IdentityFile b\n Port 2")
    found = config.lookup("web1")
    assert found["identityfile"] == ("a", "b")
    assert found["port"] == ("1",)


def test_names_of_files_keep_their_quotes(tmp_path):
    config = read(tmp_path, 'UserKnownHostsFile "/a b" /c\n')
    assert config.lookup("web1")["userknownhostsfile"] == ("'/a b' /c",)


def test_a_user_that_is_given_counts_for_match(tmp_path):
    config = read(tmp_path, "User ops\nMatch user deploy\n  Port 2200\n")
    assert config.lookup("web1", user="deploy")["port"] == ("2200",)
    assert "port" not in config.lookup("web1")


def test_included_files_apply_where_they_are_named(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/1.conf").write_text("User included\nHost web2\n  Port 2\n")
    config = read(
        tmp_path,
        f"Host web*\n  Include {tmp_path}/parts/*.conf\n  Compression yes\nHost *\n  Port 9\n",
    )
    assert config.lookup("web1") == {
        "user": ("included",),
        "compression": ("yes",),
        "port": ("9",),
    }
    assert config.lookup("web2")["port"] == ("2",)
    assert "user" not in config.lookup("db1")


def test_files_that_include_each_other_are_refused(tmp_path):
    with pytest.raises(InputError, match="Include nests too deep"):
        read(tmp_path, f"Include {tmp_path}/config\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Port 22\nHost\n", "config:2:1: Host has no value"),
        ('User "open\n', "config:1:1: no closing quotation"),
        ("Match exec true\n", "config:1:1: Match exec is not supported"),
        ("Match user\n", "config:1:1: Match user is not supported"),
    ],
)
def test_what_cannot_be_understood_is_named(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint):
        read(tmp_path, text)


def test_no_file_is_no_settings(tmp_path):
    assert SshConfig(tmp_path / "none").lookup("web1") == {}


def test_an_entry_per_host_is_found_by_name(tmp_path):
    """Not a timed promise: a scan would take minutes."""
    count = 20_000
    config = read(tmp_path, "".join(f"Host h{n}\n  Port {n + 1}\n" for n in range(count)))
    begun = time.monotonic()
    assert all(config.lookup(f"h{n}")["port"] == (str(n + 1),) for n in range(count))
    assert time.monotonic() - begun < 30
