"""Which release hosts go back to, by what they have."""

from __future__ import annotations

import pytest

from orchestrator.errors import HostError, PlanError, Unreachable, UsageError
from orchestrator.host.looking import Look
from orchestrator.host.replies import Probe
from orchestrator.model.lock import Pin
from orchestrator.model.plan import Origin, Package, Plan
from orchestrator.service.wayback import aims, held, leaving, moves

APP, DB = (Package(name, "all", Origin("bundles")) for name in ("app", "db"))
D1, D2, D3 = "1" * 12, "2" * 12, "3" * 12


def plan(*packages: Package) -> Plan:
    return Plan("demo", "plan.yml", "0" * 64, (), "all", packages or (APP,))


def look(active: str, previous: str = "", *releases: str, package: str = "app") -> Look:
    return Look({}, {package: Probe(active, previous, releases or (active, previous))})


NEW, OLD, OLDER = f"2.0.0-{D2}", f"1.0.0-{D1}", f"0.9.0-{D3}"


def test_previous_is_what_all_hosts_had() -> None:
    looks: dict[str, Look | HostError] = {
        "a": look(NEW, OLD),
        "b": look(NEW, OLD),
        "c": Unreachable("silent"),
    }
    found = aims(plan(), looks, "previous")
    assert found == {"app": Pin("1.0.0", D1)}
    assert leaving(looks, found) == (NEW,)
    assert list(moves(looks, found)) == ["app: 2.0.0 -> 1.0.0"] * 2


def test_different_previous_releases_are_told_with_their_hosts() -> None:
    looks = {"a": look(NEW, OLD), "b": look(NEW, OLD), "c": look(OLD, OLDER)}
    with pytest.raises(PlanError, match=r"1\.0\.0 of a, b \(2 hosts\); 0\.9\.0 of c; name some"):
        aims(plan(), looks, "previous")


@pytest.mark.parametrize("looks", [{"a": look(NEW)}, {"a": look("")}])
def test_no_previous_release(looks: dict[str, Look | HostError]) -> None:
    with pytest.raises(PlanError, match="have no previous release"):
        aims(plan(), looks, "previous")


def test_a_version_is_the_release_that_hosts_hold() -> None:
    looks = {"a": look(NEW, OLD, NEW, OLD), "b": look(OLD, "", OLD)}
    found = aims(plan(), looks, "1.0.0")
    assert found == {"app": Pin("1.0.0", D1)}
    assert list(moves(looks, found)) == ["app: 2.0.0 -> 1.0.0"]


def test_of_several_or_none_the_source_has_the_say() -> None:
    other = f"1.0.0-{D3}"
    looks = {"a": look(NEW, OLD, NEW, OLD), "b": look(NEW, other, NEW, other)}
    assert aims(plan(), looks, "1.0.0") == {"app": Pin("1.0.0", "")}
    assert aims(plan(), looks, "1.5.0") == {"app": Pin("1.5.0", "")}


def test_of_several_the_one_that_is_pinned() -> None:
    other = f"1.0.0-{D3}"
    probe = Probe(NEW, OLD, (NEW, OLD, other), golden=other)
    looks = {"a": Look({}, {"app": probe}), "b": look(NEW, OLD, NEW, OLD)}
    assert held("app", looks, "1.0.0") == Pin("1.0.0", D3)
    assert held("app", looks, "2.0.0") == Pin("2.0.0", D2)
    assert held("app", looks, "3.0.0") == Pin("3.0.0", "")


def test_a_version_is_that_of_one_package() -> None:
    with pytest.raises(UsageError, match="of which package"):
        aims(plan(APP, DB), {"a": look(NEW)}, "1.0.0")
    with pytest.raises(UsageError, match="no version"):
        aims(plan(), {"a": look(NEW)}, "last")


def test_when_no_host_answers_that_is_the_trouble() -> None:
    with pytest.raises(Unreachable):
        aims(plan(), {"a": Unreachable("silent")}, "previous")
