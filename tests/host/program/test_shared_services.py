"""A service that several packages name: left to the one that goes back last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.host.program.driver import Place, Session
from tests.host.program.hooking import NEW, OLD, activate, go_back, log, stage


def beside(place: Place) -> Place:
    """Return another package of the same host and run, with the old release committed."""
    other = replace(place, package="other")
    other.token = 0
    with other.session() as session:
        other.install(session, OLD)
    return other


def both_on_trial(session: Session, *places: Place) -> None:
    for place in places:
        stage(place, session, {})
        service = f"echo service of {place.package} >>$FLEET_ROOT/log"
        keys = (
            {"restart": service}
            if place.package == "gateway"
            else {"restart_back": f"{service}; echo shared >>$FLEET_ROOT/log"}
        )
        assert activate(place, session, keys).status == "ok"


@pytest.mark.parametrize("ended", [False, True])
def test_a_shared_service_is_left_to_the_package_that_goes_back_last(
    ready: Place, ended: bool
) -> None:
    other = beside(ready)
    with ready.session() as session:
        both_on_trial(session, ready, other)
        assert log(ready) == ["service of gateway"]
        if ended:
            go_back(ready, session, {})
        mine = "echo service of other >>$FLEET_ROOT/log"
        left = {"left_to": str(ready.records), "restart": mine}
        assert other.revert(session, **left).status == "ok"
        go_back(ready, session, {})
    alone = ["service of gateway", "service of other", "shared"]
    assert log(ready)[1:] == (alone if ended else ["service of other", "service of gateway"])


@pytest.mark.parametrize("trouble", ["busy", "damaged", "gone"])
def test_a_shared_service_is_left_to_nobody_who_may_not_come(prepared: Place, trouble: str) -> None:
    other = beside(prepared)
    with prepared.session() as session:
        both_on_trial(session, prepared, other)
        busy, trial = prepared.records / "busy", prepared.records / "trial"
        if trouble == "busy":
            busy.symlink_to("w.1.1")
        elif trouble == "damaged":
            trial.write_text("echo yes\n")
        folder = prepared.state / "nobody" if trouble == "gone" else prepared.records
        assert other.revert(session, left_to=str(folder), restart="exit 1").status == "ok"
    assert log(prepared)[-1] == "shared"
    busy.unlink(missing_ok=True)


def test_a_confirmed_package_counts_as_one_that_goes_back(prepared: Place) -> None:
    other = beside(prepared)
    with prepared.session() as session:
        both_on_trial(session, prepared, other)
        prepared.confirm(session, NEW)
        assert other.revert(session, left_to=str(prepared.records)).status == "ok"
    assert log(prepared) == ["service of gateway"]
