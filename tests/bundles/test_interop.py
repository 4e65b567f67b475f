"""The real ssh-keygen and we: who signs, who verifies, and what each makes of every flaw."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bundles.interop import (
    ALGORITHMS,
    DATA,
    OTHER,
    SECOND,
    WHO,
    Case,
    Keys,
    certify,
    damaged,
    fingerprint,
    host,
    keygen,
    keygen_signs,
    new_key,
    ours,
    public,
    run,
    token_signs,
    we_sign,
)
from tests.host.conftest import platforms  # noqa: F401 (a fixture)
from tests.host.program.conftest import make_place
from tests.host.program.driver import Place, Session

SIGNERS = {"ours": we_sign, "ssh-keygen": keygen_signs}
SHELLS = {"ours": "busybox", "ssh-keygen": "dash"}
"""In which shell the host program judges what each of them signed."""

Judging = Callable[..., dict[str, bool]]

YES = {"ours": True, "ssh-keygen": True, "host": True}
NO = dict.fromkeys(YES, False)
NO_BUT_KEYGEN = NO | {"ssh-keygen": True}
"""What OpenSSH has no word for: to ssh-keygen the signature is good."""


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Keys]:
    """Return the keys of every kind."""
    return {name: Keys.make(tmp_path_factory.mktemp(name), name) for name in ALGORITHMS}


@pytest.fixture
def judging(platforms: dict[str, str], tmp_path: Path) -> Iterator[Judging]:  # noqa: F811
    """Return a function that has we, ssh-keygen, and the host program in a shell judge a case."""
    with ExitStack() as stack:
        sessions: dict[str, tuple[Place, Session]] = {}

        def judge(case: Case, shell: str = "dash") -> dict[str, bool]:
            if shell not in sessions:
                place = make_place(platforms[shell], tmp_path / shell)
                sessions[shell] = place, stack.enter_context(place.session())
            on_host = host(case, *sessions[shell])
            return {"ours": ours(case), "ssh-keygen": keygen(case, tmp_path), "host": on_host}

        yield judge


def cases(keys: Keys, sign: Callable[[Keys, bytes, str], bytes]) -> dict[str, Case]:
    """Return a case for each thing that can be right or wrong."""
    good, line = sign(keys, DATA, "fleet-bundle"), keys.line()
    second = f'{SECOND} namespaces="fleet-bundle" {public(keys.second)}\n'
    another = keys.line(who="other@x") if keys.authority else second.replace(SECOND, WHO)
    revoked = "".join(f"#fleet revoked-key {fingerprint(key)}\n" for key in (keys.trusted,))
    both = (
        good
        + run(
            *("ssh-keygen", "-Y", "sign", "-f", keys.second, "-n", "fleet-bundle"), stdin=DATA
        ).stdout
    )
    return {
        "good": Case(line, DATA, good),
        "tampered": Case(line, OTHER, good),
        "damaged": Case(line, DATA, damaged(good)),
        "wrong principal": Case(another, DATA, good),
        "wrong namespace": Case(line, DATA, sign(keys, DATA, "git")),
        "wrong purpose": Case(keys.line('namespaces="fleet-trust"'), DATA, good),
        "expired": Case(keys.line(f'{SPACE},valid-before="20200101Z"'), DATA, good),
        "not yet valid": Case(keys.line(f'valid-after="20990101",{SPACE}'), DATA, good),
        "valid now": Case(keys.line(f'valid-after="20200101",{SPACE}'), DATA, good),
        "revoked": Case(revoked + line, DATA, good, revoked=(keys.trusted,)),
        "revoked bundle": Case(f"#fleet revoked-bundle {DIGEST}\n{line}", DATA, good),
        "expired file": Case(f"#fleet expires 2020-01-01T00:00:00Z\n{line}", DATA, good),
        "below threshold": Case(f"#fleet threshold 2\n{line}{second}", DATA, good),
        "enough": Case(f"#fleet serial 1\n#fleet threshold 2\n{line}{second}", DATA, both),
    }


SPACE = 'namespaces="fleet-bundle"'
DIGEST = hashlib.sha256(DATA).hexdigest()
EXPECTED = dict.fromkeys(("good", "valid now", "enough"), YES) | dict.fromkeys(
    ("revoked bundle", "expired file", "below threshold"), NO_BUT_KEYGEN
)
"""What is not named here nobody accepts."""


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_the_table(kinds: dict[str, Keys], judging: Judging, kind: str, signer: str) -> None:
    made = cases(kinds[kind], SIGNERS[signer])
    found = {name: judging(case, SHELLS[signer]) for name, case in made.items()}
    assert found == {name: EXPECTED.get(name, NO) for name in made}


@pytest.mark.parametrize(
    ("options", "principal", "good"),
    [
        ((), WHO, True),
        ((), f"x,{WHO}", True),
        ((), "other@x", False),
        (("-V", "20200101:20200102"), WHO, False),
        (("-V", "20990101:20990102"), WHO, False),
        (("-V", "20200101:20990102"), WHO, True),
    ],
)
def test_certificates(
    tmp_path: Path, judging: Judging, options: tuple[str, ...], principal: str, good: bool
) -> None:
    key, authority = new_key(tmp_path / "key", "ed25519"), new_key(tmp_path / "ca", "ed25519")
    certificate = certify(key, authority, principal, *options)
    keys = Keys(certificate, authority, key, authority=True)
    case = Case(keys.line(), DATA, keygen_signs(keys, DATA, "fleet-bundle"))
    assert judging(case) == (YES if good else NO)


def test_a_certificate_is_not_its_key(tmp_path: Path, judging: Judging) -> None:
    """A key's line takes no certificate of it, and an authority signs no bundles itself."""
    key, authority = new_key(tmp_path / "key", "ed25519"), new_key(tmp_path / "ca", "ed25519")
    keys = Keys(certify(key, authority, WHO), authority, key, authority=True)
    certified = keygen_signs(keys, DATA, "fleet-bundle")
    bare = Case(f"{WHO} {SPACE} {public(key)}\n", DATA, certified)
    assert judging(bare) == NO
    itself = Keys(authority, authority, key, authority=True)
    case = Case(itself.line(), DATA, keygen_signs(itself, DATA, "fleet-bundle"))
    assert judging(case) == NO


def test_a_certificate_for_nobody_in_particular_counts_for_nobody(
    tmp_path: Path, judging: Judging
) -> None:
    key, authority = new_key(tmp_path / "key", "ed25519"), new_key(tmp_path / "ca", "ed25519")
    keys = Keys(certify(key, authority, ""), authority, key, authority=True)
    case = Case(keys.line(), DATA, keygen_signs(keys, DATA, "fleet-bundle"))
    assert judging(case) == NO


def test_a_fido_key_verifies(judging: Judging) -> None:
    key, good = token_signs(DATA)
    line = f"{WHO} {SPACE} {key}\n"
    assert judging(Case(line, DATA, good)) == YES
    assert judging(Case(line, OTHER, good)) == NO
