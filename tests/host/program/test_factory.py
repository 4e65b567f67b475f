"""The golden release: pinned at a commit, told by a probe, and never let go of."""

from __future__ import annotations

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session

GOLD = Release(files={"app": b"gold"})
OTHERS = [Release(files={"app": b"%d" % n}, version=f"1.{n}.0") for n in range(1, 5)]


def install(
    place: Place, session: Session, release: Release, factory: str, keep: int = 2
) -> Answer:
    nonce = f"n{release.version}"
    place.stage(session, release)
    place.activate(session, release, nonce)
    place.confirm(session, release, nonce)
    keys = {"keep": keep, "factory": factory} if factory else {"keep": keep}
    answer = place.do(session, "commit", **release.named(), nonce=nonce, **keys)
    assert answer.status == "ok", answer.fields
    place.token = 0
    return answer


def releases(place: Place) -> set[str]:
    return {folder.name for folder in (place.home / "releases").iterdir()}


def test_it_is_pinned_when_it_is_committed_and_outlives_all_others(place: Place) -> None:
    with place.session() as session:
        install(place, session, GOLD, "1.0.0")
        assert (place.records / "factory").read_text() == f"{GOLD.id}\n"
        for other in OTHERS:
            install(place, session, other, "1.0.0")
        assert releases(place) == {GOLD.id, OTHERS[-2].id, OTHERS[-1].id}
        assert place.probe(session, GOLD).golden == GOLD.id


def test_one_that_was_committed_before_the_plan_said_so(place: Place) -> None:
    with place.session() as session:
        install(place, session, GOLD, "")
        install(place, session, OTHERS[0], "")
        assert place.probe(session, GOLD).golden is None
        install(place, session, OTHERS[1], "1.0.0")
        install(place, session, OTHERS[2], "")
        assert place.probe(session, GOLD).golden == GOLD.id
        assert GOLD.id in releases(place)


def test_one_that_was_only_staged_is_not_golden(place: Place) -> None:
    with place.session() as session:
        place.stage(session, GOLD)
        place.do(session, "withdraw", release=GOLD.id)
        place.token = 0
        install(place, session, OTHERS[0], "1.0.0", keep=3)
        assert GOLD.id in releases(place)
        assert place.probe(session, GOLD).golden is None


def test_another_version_takes_its_place(place: Place) -> None:
    with place.session() as session:
        install(place, session, GOLD, "1.0.0")
        for other in OTHERS[:3]:
            install(place, session, other, "1.2.0")
        assert place.probe(session, GOLD).golden == OTHERS[1].id
        assert GOLD.id not in releases(place)


def test_a_record_that_is_no_name_pins_nothing(place: Place) -> None:
    with place.session() as session:
        install(place, session, GOLD, "1.0.0")
        (place.records / "factory").write_text("../../etc\n")
        assert place.probe(session, GOLD).golden is None
        install(place, session, OTHERS[0], "1.0.0")
        assert place.probe(session, GOLD).golden == GOLD.id
