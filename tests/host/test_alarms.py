"""What triggers become when they are sent to a host."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.host.alarms import NONE, Alarms, alarms
from orchestrator.ports import BootBudget, Watch


@dataclass(frozen=True)
class Fake:
    found: tuple[Watch, ...] = ()
    boots: BootBudget | None = None

    def watches(self) -> tuple[Watch, ...]:
        return self.found

    def boot_budget(self) -> BootBudget | None:
        return self.boots


ONE = Watch("true", every=30.0, timeout=9.5, threshold=2)
TWO = Watch("false", every=15.0, timeout=10.0, threshold=20, name="memory")


def test_names_tell_watches_apart() -> None:
    found = alarms(
        [("a", Fake((ONE,))), ("b", Fake((TWO, ONE))), ("a", Fake((ONE,))), ("c", Fake())]
    )
    assert [watch.name for watch in found.watches] == ["a", "b.memory", "b", "a-2"]


def test_the_fewest_boots_count() -> None:
    budgets = [BootBudget(3, 60.0), BootBudget(2, 120.0)]
    found = alarms([("boot_failure", Fake(boots=budget)) for budget in budgets])
    assert found == Alarms((), BootBudget(2, 120.0))
    assert found.keys() == {}


def test_watches_are_numbered() -> None:
    assert NONE.keys() == {}
    again = Watch("test -e x", every=5.0, timeout=4.0, threshold=1, after_yes=True)
    assert alarms([("a", Fake((ONE,))), ("b", Fake((again,)))]).keys() == {
        "triggers": "a b",
        "trigger_1": "true",
        "trigger_1_every": 30,
        "trigger_1_timeout": 10,
        "trigger_1_threshold": 2,
        "trigger_2": "test -e x",
        "trigger_2_every": 5,
        "trigger_2_timeout": 4,
        "trigger_2_threshold": 1,
        "trigger_2_after_yes": 1,
    }
