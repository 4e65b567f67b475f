"""The order of a host's packages, and of a package's steps."""

from __future__ import annotations

import pytest

from orchestrator.errors import PlanError
from orchestrator.model.plan import Origin, Package, Step
from orchestrator.planning import package_order, step_order
from tests.planning.fleets import at, orders, plan_of


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ((), "a b c d"),
        (("d before a",), "b c d a"),
        (("c before a", "b before a"), "b c a d"),
        (("d before c", "c before b", "b before a"), "d c b a"),
        (("c before a", "x < y", "y < x"), "b c a d"),
    ],
)
def test_package_order(edges, expected):
    found = package_order(plan_of("abcd", orders(*edges)))
    assert [package.name for package in found] == expected.split()


def test_packages_in_a_circle_are_told_with_their_lines():
    edges = orders("c before a", "x < y", "a before b", "b before c", "d before a")
    with pytest.raises(PlanError) as caught:
        package_order(plan_of("abcd", edges))
    assert str(caught.value) == (
        "plan.yml:43:5: order[2]: these orders make a circle: a before b (plan.yml:43:5) → "
        "b before c (plan.yml:44:5) → c before a (plan.yml:41:5); remove one of them, or narrow it"
    )


def steps(**after: str) -> Package:
    """Return a package whose steps are declared on lines 10, 11 …"""
    made = [
        Step(name, "true", after=tuple(names.split()), position=at(10 + index))
        for index, (name, names) in enumerate(after.items())
    ]
    return Package("app", on="all", bundle=Origin("app"), steps=tuple(made))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({}, ""),
        ({"one": "", "two": "", "three": ""}, "one two three"),
        ({"one": "three", "two": "", "three": ""}, "two three one"),
        ({"one": "two three", "two": "three", "three": ""}, "three two one"),
    ],
)
def test_step_order(after, expected):
    assert [step.name for step in step_order(steps(**after))] == expected.split()


def test_steps_in_a_circle_are_told_with_their_lines():
    with pytest.raises(PlanError) as caught:
        step_order(steps(one="two", two="one", free="one", self="self"))
    first, second = map(str, caught.value.problems)
    assert first == (
        "plan.yml:11:5: packages.app.steps: these steps make a circle: two after one "
        "(plan.yml:11:5) → one after two (plan.yml:10:5); break it in one 'after'"
    )
    assert second == (
        "plan.yml:13:5: packages.app.steps: these steps make a circle: self after self "
        "(plan.yml:13:5); break it in one 'after'"
    )
