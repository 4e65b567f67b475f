from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bundles.sources.taps import repository
from orchestrator.errors import BundleError


@pytest.fixture
def taps(home: Path) -> Path:
    taps = home / "taps"
    taps.mkdir(parents=True)
    (taps / "a.yml").write_text("some/app: https://example.org/app.git\nsome/db: ssh://git@a/db\n")
    (taps / "b.yml").write_text("other: /srv/git/other\n")
    return taps


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("some/app", "https://example.org/app.git"),
        ("some/db", "ssh://git@a/db"),
        ("other", "/srv/git/other"),
        ("https://example.org/x", "https://example.org/x"),
        ("git@example.org:some/app", "git@example.org:some/app"),
        ("/srv/git/app", "/srv/git/app"),
    ],
)
def test_where_a_repository_is(name: str, url: str, taps: Path, home: Path) -> None:
    assert repository(name, home) == url


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "git://example.org/x", "ext::sh -c id", "ext://x", "-upload-pack=x"],
)
def test_ways_that_are_not_safe(url: str, taps: Path, home: Path) -> None:
    with pytest.raises(BundleError, match="no repository that fleet takes bundles from"):
        repository(url, home)


def test_a_tap_may_not_lead_there_either(taps: Path, home: Path) -> None:
    (taps / "c.yml").write_text("evil: 'ext::sh -c id'\n")
    with pytest.raises(BundleError, match="no repository that fleet"):
        repository("evil", home)


def test_a_tap_has_no_passwords_in_it(taps: Path, home: Path) -> None:
    (taps / "c.yml").write_text("private: https://me:s3cret@example.org/x\n")
    with pytest.raises(BundleError, match="a name or password in a URL") as caught:
        repository("private", home)
    assert "s3cret" not in str(caught.value)


def test_an_unknown_name(taps: Path, home: Path) -> None:
    with pytest.raises(BundleError, match=r"no tap knows 'some/ap'; did you mean 'some/app'\?"):
        repository("some/ap", home)
    with pytest.raises(BundleError, match="add 'zzz: URL' to a file there"):
        repository("zzz", home)


def test_taps_that_disagree(taps: Path, home: Path) -> None:
    (taps / "b.yml").write_text("some/db: ssh://git@a/db\nsome/app: https://example.net/app\n")
    assert repository("some/db", home) == "ssh://git@a/db"
    with pytest.raises(BundleError, match=r"b\.yml:2:.* and another in .*a\.yml:1:"):
        repository("some/app", home)


@pytest.mark.parametrize("text", ["- a\n", "a: [b\n", "some/app: {a: b}\n", "some/app:\n"])
def test_broken_taps(text: str, taps: Path, home: Path) -> None:
    (taps / "a.yml").write_text(text)
    with pytest.raises(BundleError, match=r"a\.yml"):
        repository("some/app", home)


def test_a_tap_that_is_no_text(taps: Path, home: Path) -> None:
    (taps / "a.yml").write_bytes(b"\xff")
    with pytest.raises(BundleError, match=r"a\.yml: not UTF-8; save the file as UTF-8"):
        repository("some/app", home)
