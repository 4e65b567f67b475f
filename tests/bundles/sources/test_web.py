"""Credentials, redirects and TLS."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.bundles.sources import source_of
from orchestrator.bundles.sources.credentials import authorization
from orchestrator.errors import BundleError, FleetError
from orchestrator.model.plan import Origin
from tests.certificates import certificate, pem

from .test_http import store_at
from .webserver import Fault, Server, serving

BASIC = "Basic " + base64.b64encode(b"me:pass:word").decode()


@pytest.fixture
def server(store: Path) -> Iterator[Server]:
    with serving(store) as server:
        yield server


@pytest.fixture
def other(store: Path) -> Iterator[Server]:
    with serving(store) as server:
        yield server


def told(server: Server) -> set[str]:
    return {headers.get("authorization", "") for _, headers, _ in server.asked}


@pytest.mark.parametrize(
    ("environ", "header"),
    [
        ({"FLEET_STORE_TOKEN": "t0k3n"}, "Bearer t0k3n"),
        ({"FLEET_STORE_USER": "me", "FLEET_STORE_PASSWORD": "pass:word"}, BASIC),
        ({}, ""),
    ],
)
def test_credentials_of_the_environment(
    server: Server, home: Path, environ: dict[str, str], header: str
) -> None:
    server.password = header
    assert store_at(server, home, **environ).offers("app")
    assert told(server) == {header}


def test_credentials_of_netrc_come_first(server: Server, home: Path, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pass:word\n")
    assert store_at(server, home, NETRC=str(netrc), FLEET_STORE_TOKEN="x").offers("app")
    assert told(server) == {BASIC}


def test_a_broken_netrc_is_told_without_its_secrets(
    server: Server, home: Path, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1\nloggin me password s3cret\n")
    with pytest.raises(FleetError, match=r"netrc:2: not a netrc file") as caught:
        store_at(server, home, NETRC=str(netrc)).offers("app")
    assert "s3cret" not in str(caught.value)


def test_refused_credentials_are_not_shown(server: Server, home: Path) -> None:
    server.password = "Bearer right"
    with pytest.raises(FleetError, match=r"\(401\)") as caught:
        store_at(server, home, FLEET_STORE_TOKEN="wr0ng").offers("app")
    assert "wr0ng" not in str(caught.value)
    assert "set FLEET_STORE_TOKEN" in str(caught.value)


@pytest.mark.parametrize("token", ["s3cret\nX-Evil: 1", "s3cr\u00e9t"])
def test_a_token_that_cannot_be_sent_is_not_shown(server: Server, home: Path, token: str) -> None:
    with pytest.raises(FleetError, match="FLEET_STORE_TOKEN is no token") as caught:
        store_at(server, home, FLEET_STORE_TOKEN=token).offers("app")
    assert "s3cr" not in str(caught.value)
    for git in (False, True):
        with pytest.raises(BundleError, match="a name or password in a URL") as caught:
            source_of(Origin("https://me:s3cret@example.org/store", git=git), home)
        assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:port", "http://127.0.0.1\x01"])
def test_urls_that_are_none(url: str, home: Path) -> None:
    with pytest.raises(FleetError, match="mend the URL"):
        store_at(Server(home, url), home).offers("app")


def test_a_url_has_no_secrets_in_it(home: Path) -> None:
    with pytest.raises(BundleError, match="a store's URL with") as caught:
        source_of(Origin("https://example.org/store?token=s3cret"), home)
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "host", "sent"),
    [
        ("https", "example.org", True),
        ("http", "example.org", False),
        ("http", "localhost", True),
        ("http", "127.8.8.8", True),
        ("http", "::1", True),
        ("http", "127.0.0.1.example.org", False),
    ],
)
def test_nothing_is_told_unencrypted(scheme: str, host: str, sent: bool, tmp_path: Path) -> None:
    environ = {"FLEET_STORE_TOKEN": "t", "NETRC": str(tmp_path / "none")}
    assert bool(authorization(scheme, host, environ)) is sent


def test_redirects_on_one_server_keep_the_credentials(server: Server, home: Path) -> None:
    server.faults = [Fault("/app/index.json", location="/app/../app/index.json")]
    assert store_at(server, home, FLEET_STORE_TOKEN="t").offers("app")
    assert told(server) == {"Bearer t"}
    assert len(server.asked) == 2


def test_redirects_to_another_server_do_not(server: Server, other: Server, home: Path) -> None:
    server.faults = [Fault("index.json", location=f"{other.url}/app/index.json")]
    assert store_at(server, home, FLEET_STORE_TOKEN="t").offers("app")
    assert told(server) == {"Bearer t"}
    assert told(other) == {""}


def test_and_back_again_neither(server: Server, other: Server, home: Path) -> None:
    server.faults = [Fault("index.json", location=f"{other.url}/app/index.json")]
    other.faults = [Fault("index.json", location=f"{server.url}/app/index.json")]
    assert store_at(server, home, FLEET_STORE_TOKEN="t").offers("app")
    assert [headers.get("authorization") for _, headers, _ in server.asked] == ["Bearer t", None]


def test_redirects_in_a_circle(server: Server, home: Path) -> None:
    server.faults = [Fault("index.json", location="/app/index.json")] * 99
    with pytest.raises(FleetError, match="more than 5 redirects"):
        store_at(server, home).offers("app")


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_redirects_to_elsewhere(server: Server, home: Path, to: str) -> None:
    server.faults = [Fault("index.json", location=to)] * 9
    with pytest.raises(FleetError, match="where it is not followed"):
        store_at(server, home).offers("app")


@pytest.fixture
def secure(store: Path, tmp_path: Path) -> Iterator[Server]:
    """A store behind TLS whose authority is in ``ca.pem``."""
    authority = certificate("ca", None)
    pem(tmp_path / "ca.pem", authority[0])
    chain = pem(tmp_path / "server.pem", *certificate("127.0.0.1", authority))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain)
    with serving(store, tls) as server:
        yield server


def test_tls_with_an_authority_of_ones_own(
    secure: Server, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert store_at(secure, home, FLEET_STORE_TOKEN="t").offers("app")
    assert told(secure) == {"Bearer t"}


def test_tls_with_an_unknown_authority(secure: Server, home: Path) -> None:
    with pytest.raises(FleetError, match=r"certificate verify failed[\s\S]*SSL_CERT_FILE"):
        store_at(secure, home, FLEET_STORE_TOKEN="t").offers("app")
    assert secure.asked == []


def test_from_tls_nothing_leads_to_plain_text(
    secure: Server,
    server: Server,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    secure.faults = [Fault("index.json", location=f"{server.url}/app/index.json")]
    with pytest.raises(FleetError, match=r"redirected to http://127\.0\.0\.1, where"):
        store_at(secure, home).offers("app")
    assert server.asked == []
