"""A trust file is pinned on a host, and replaced only by the word of old and new signers."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session

PLAIN = Release({"a": b"1"})
NAMES = ("ann", "ben", "cay")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three private keys."""
    folder = tmp_path_factory.mktemp("roots")
    for name in NAMES:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


def file(keys: Path, *head: str, **namespaces: str) -> str:
    """Return a trust file: ``#fleet`` lines, and what each signer may sign."""
    lines = [f"#fleet {line}" for line in head]
    for name, spaces in namespaces.items():
        lines.append(f'{name}@x namespaces="{spaces}" {(keys / f"{name}.pub").read_text().strip()}')
    return "\n".join(lines) + "\n"


def signed(keys: Path, data: str | bytes, *names: str, space: str = "fleet-trust") -> bytes:
    made = b""
    for name in names:
        command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(keys / name), "-n", space]
        raw = data.encode() if isinstance(data, str) else data
        made += subprocess.run(command, input=raw, capture_output=True, check=True).stdout
    return made


def fingerprint(keys: Path, name: str) -> str:
    command = ["ssh-keygen", "-l", "-f", str(keys / name)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()[1]


Enrol = Callable[..., Answer]


@pytest.fixture
def enrol(keys: Path) -> Enrol:
    """Return a function that asks for a file to be pinned, signed by some."""

    def ask(
        session: Session, place: Place, text: str, *names: str, by: str = "", **more: Any
    ) -> Answer:
        who = by or " ".join(f"{name}@x" for name in names)
        given: dict[str, Any] = {
            "text": text,
            "signatures": signed(keys, text, *names).decode(),
            "owner": "ops",
        }
        given |= {"identities": who, "old_identities": who}
        return session.ask("enrol", state=place.state, **given, **more)

    return ask


BOTH = "fleet-bundle,fleet-trust"


def pinned(place: Place) -> Path:
    return place.state / "trust/allowed_signers"


def test_pinned_freely_at_first_then_by_old_and_new(place: Place, keys: Path, enrol: Enrol) -> None:
    first = file(keys, "serial 1", ann=BOTH)
    second = file(keys, "serial 2", ben=BOTH)
    with place.session() as session:
        assert session.ask("enrol", state=place.state).fields["pinned"] is None
        assert enrol(session, place, first).status == "ok"
        assert pinned(place).read_text() == first
        assert session.ask("enrol", state=place.state).fields["pinned"] == first
        again = enrol(session, place, first)
        assert (again.status, again.reason) == ("ok", "already pinned")
        by_old = enrol(session, place, second, "ann")
        assert by_old.status == "no"
        assert "by the new file: its signature does not hold" in by_old.reason
        by_new = enrol(session, place, second, "ben")
        assert "by the pinned file: its signature does not hold" in by_new.reason
        assert pinned(place).read_text() == first
        assert enrol(session, place, second, "ann", "ben").status == "ok"
        assert pinned(place).read_text() == second
        lower = enrol(session, place, first, "ann", "ben")
        assert "its serial 1 is not above that of the pinned file, 2" in lower.reason
    history = (place.state / "trust/history.jsonl").read_text()
    assert history.count('"at":"pinned"') == 2
    assert '"owner":"ops","serial":2' in history
    assert sorted(path.name for path in pinned(place).parent.iterdir()) == [
        "allowed_signers",
        "history.jsonl",
    ]


def test_as_many_as_each_file_demands(dash: Place, keys: Path, enrol: Enrol) -> None:
    first = file(keys, "serial 1", "trust-threshold 2", ann=BOTH, ben=BOTH, cay="fleet-bundle")
    second = file(keys, "serial 2", "threshold 2", ann=BOTH, ben=BOTH, cay=BOTH)
    with dash.session() as session:
        assert enrol(session, dash, first).status == "ok"
        one = enrol(session, dash, second, "ann")
        assert "by the pinned file: it is signed by 1 of the 2 signers" in one.reason
        bundles_only = enrol(session, dash, second, "ann", "cay")
        assert "by the pinned file: it is signed by 1 of the 2" in bundles_only.reason
        twice = enrol(session, dash, second, "ann", "ann")
        assert twice.status == "no"
        assert enrol(session, dash, second, "cay", "ann", "ben").status == "ok"


def test_signatures_for_bundles_do_not_count(dash: Place, keys: Path, enrol: Enrol) -> None:
    second = file(keys, "serial 2", ann=BOTH)
    wrong = signed(keys, second, "ann", space="fleet-bundle").decode()
    who: dict[str, Any] = {"identities": "ann@x", "old_identities": "ann@x"}
    with dash.session() as session:
        enrol(session, dash, file(keys, "serial 1", ann=BOTH))
        answer = session.ask("enrol", state=dash.state, text=second, signatures=wrong, **who)
        assert answer.status == "no"
        stale = enrol(
            session, dash, file(keys, "serial 2", "expires 2020-01-01T00:00:00Z", ann=BOTH)
        )
        assert "the new trust file has expired" in stale.reason


def test_what_is_pinned_rules(place: Place, keys: Path, enrol: Enrol) -> None:
    """Thresholds, revocations, purposes and expiry of the pinned file; the request cannot lower."""
    two = file(
        keys, "serial 1", "threshold 2 gateway", ann=BOTH, ben="fleet-bundle", cay="fleet-trust"
    )
    lax: dict[str, Any] = {"signers": file(keys, "threshold 1", ann="fleet-bundle")}
    sig: dict[tuple[str, ...], bytes] = {
        names: signed(keys, PLAIN.manifest, *names, space="fleet-bundle") for names in PAIRS
    }

    def stage(session: Session, *names: str) -> str:
        release = Release(PLAIN.files, signature=sig[names])
        who = " ".join(f"{name}@x" for name in names)
        answer = place.stage(session, release, identities=who, **lax)
        place.do(session, "withdraw", release=release.id)
        shutil.rmtree(place.release(release), ignore_errors=True)
        return str(answer.fields.get("signature") or answer.reason)

    with place.session() as session:
        assert enrol(session, place, two).status == "ok"
        assert "it is signed by 1 of the 2 signers that it needs" in stage(session, "ann")
        assert "1 of the 2" in stage(session, "ann", "cay")
        assert stage(session, "ann", "ben") == "verified"
        for line, said in (
            (f"revoked-key {fingerprint(keys, 'ann')}", "it needs: Signing key is revoked"),
            (f"revoked-key {fingerprint(keys, 'cay')}", "verified"),
            (f"revoked-bundle {PLAIN.digest}", "the bundle is revoked by"),
            ("expires 2020-01-01T00:00:00Z", "expired at 2020-01-01T00:00:00Z"),
        ):
            pinned(place).write_text(f"#fleet {line}\n{two}")
            assert said in stage(session, "ann", "ben"), line
        for option, said in (
            ('valid-before="20200101",', "1 of the 2"),
            ('valid-after="20990101000000Z",', "1 of the 2"),
            ('Valid-After="20200101Z",valid-before="209901010000",', "verified"),
        ):
            pinned(place).write_text(two.replace("ann@x ", f"ann@x {option}"))
            assert said in stage(session, "ann", "ben"), option


PAIRS = (("ann",), ("ann", "cay"), ("ann", "ben"))


def test_the_request_may_demand_more(dash: Place, keys: Path, enrol: Enrol) -> None:
    release = Release(
        PLAIN.files, signature=signed(keys, PLAIN.manifest, "ann", space="fleet-bundle")
    )
    more: dict[str, Any] = {
        "signers": file(keys, "threshold 2", ann=BOTH, ben=BOTH),
        "identities": "ann@x",
    }
    with dash.session() as session:
        enrol(session, dash, file(keys, "serial 1", ann=BOTH))
        assert "1 of the 2" in dash.stage(session, release, **more).reason


def test_a_host_that_cannot_verify_is_not_pinned(
    platforms: dict[str, str], dash: Place, keys: Path, enrol: Enrol, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(platforms["busybox"], bare, symlinks=True)
    (bare / "ssh-keygen").unlink()
    dash.environment["PATH"] = str(bare)
    text = file(keys, "serial 1", ann=BOTH)
    with dash.session() as session:
        assert enrol(session, dash, text).reason == "unchecked: no ssh-keygen on this host"
        old = bare / "ssh-keygen"
        old.write_text("#!/bin/sh\necho 'unknown option -- Y' >&2\nexit 1\n")
        old.chmod(0o755)
        assert enrol(session, dash, text).reason == "unchecked: ssh-keygen is too old"
        assert not pinned(dash).exists()


@pytest.mark.parametrize("point", ["pinning", "pinned"])
def test_killed_it_is_wholly_old_or_new(dash: Place, keys: Path, enrol: Enrol, point: str) -> None:
    first, second = file(keys, "serial 1", ann=BOTH), file(keys, "serial 2", ann=BOTH)
    with dash.session() as session:
        enrol(session, dash, first)
    with contextlib.suppress(EOFError), dash.session(FLEET_KILL_POINT=point) as session:
        assert enrol(session, dash, second, "ann").status == "ended"
    assert pinned(dash).read_text() == {"pinning": first, "pinned": second}[point]
    with dash.session() as session:
        assert enrol(session, dash, second, "ann").status == "ok"
    assert pinned(dash).read_text() == second
