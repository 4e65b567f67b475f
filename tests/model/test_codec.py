"""Events survive their documents, across versions; what does not fit is refused in words."""

from __future__ import annotations

import json
import typing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import JournalError
from orchestrator.model import codec
from orchestrator.model.codec import from_dict, to_dict
from orchestrator.model.event import (
    Action,
    ActionBegun,
    ActionEnded,
    Event,
    OperatorAsked,
    Request,
    Result,
    RunStarted,
    Target,
    TimePassed,
)
from orchestrator.model.plan import Amount, UnavailabilityBudget
from orchestrator.model.wave import RolloutSpec, Wave

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
st.register_type_strategy(object, json_values)
numbers = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(float, numbers)
events = st.one_of(*(st.from_type(cls) for cls in typing.get_args(Event)))

ENDED = ActionEnded(1.5, "web1", Action.STAGE, Result.DONE, facts={"bytes": 5, "from": None})
STARTED = RunStarted(
    1.0,
    "20260131-040506-k3f9",
    "gateway-2.4",
    "plan.yml",
    "d1",
    "ops",
    "n0",
    RolloutSpec(
        (Wave("canary", "canary", ("web1", "web2"), 600.0),),
        max_unavailable=UnavailabilityBudget(Amount(10, percent=True), per="zone"),
        zones={"web1": "a"},
    ),
    (Target("gateway", "2.4.0", "2.4.0-0123456789ab", "0123"),),
    {"limit": ["web1"]},
)


@given(events)
def test_every_event_survives_json(event: Event) -> None:
    assert from_dict(json.loads(json.dumps(to_dict(event)))) == event


def test_a_document_is_plain_and_says_what_it_is() -> None:
    assert to_dict(ENDED) == {
        "kind": "action_ended",
        "v": 1,
        "at": 1.5,
        "host": "web1",
        "action": "stage",
        "result": "done",
        "attempt": 1,
        "reason": "",
        "output": "",
        "facts": {"bytes": 5, "from": None},
    }
    assert type(to_dict(ENDED)["action"]) is str


def test_nested_values_come_back_with_their_types() -> None:
    back = from_dict(json.loads(json.dumps(to_dict(STARTED))))
    assert back == STARTED
    assert isinstance(back, RunStarted)
    assert isinstance(back.spec.waves, tuple)
    assert isinstance(back.spec.max_unavailable, UnavailabilityBudget)


def test_the_kinds_are_what_journals_already_hold() -> None:
    # A renamed class would orphan what was written; add an alias before changing this list.
    assert list(codec.KINDS) == [
        "run_started",
        "action_begun",
        "action_ended",
        "time_passed",
        "operator_asked",
        "controller_started",
    ]


def test_unknown_fields_are_ignored_and_absent_ones_take_their_default() -> None:
    doc = to_dict(ENDED) | {"mood": "good"}
    del doc["facts"]
    assert from_dict(doc) == replace(ENDED, facts={})


def test_a_whole_number_will_do_for_a_time() -> None:
    event = from_dict({"kind": "time_passed", "v": 1, "at": 5})
    assert event == TimePassed(5.0)
    assert isinstance(event, TimePassed)
    assert type(event.at) is float


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "action_endet"}, "'action_endet' is not a kind.*\n.*did you mean 'action_ended'"),
        ({"kind": None}, "'None' is not a kind"),
        ({"kind": []}, "is not a kind"),
        ({"v": 2}, "version 2; this fleet knows versions up to 1\n.*newer"),
        ({"v": "1"}, "v: '1' is not a version"),
        ({"v": 0}, "v: 0 is not a version"),
        ({"result": "fine"}, "result: 'fine' is not one of done, already"),
        ({"result": []}, r"result: \[\] is not one of"),
        ({"host": 7}, "host: 7 is not text"),
        ({"attempt": True}, "attempt: True is not a whole number"),
        ({"at": "noon"}, "at: 'noon' is not a number"),
        ({"facts": []}, r"facts: \[\] is not a mapping"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(JournalError, match=message):
        from_dict(to_dict(ENDED) | change)


@pytest.mark.parametrize("doc", [[], "x", None, 3])
def test_a_document_that_is_no_mapping_is_refused(doc: object) -> None:
    with pytest.raises(JournalError, match="is not a mapping"):
        from_dict(doc)


def test_a_misfit_deep_inside_is_named_by_its_path() -> None:
    doc = to_dict(STARTED)
    doc["spec"]["max_unavailable"]["limit"]["value"] = "many"
    with pytest.raises(JournalError, match=r"spec\.max_unavailable"):
        from_dict(doc)
    doc = to_dict(STARTED)
    del doc["spec"]["waves"][0]["cohort"]
    with pytest.raises(JournalError, match=r"spec\.waves\.cohort: is missing"):
        from_dict(doc)


@pytest.mark.parametrize("value", [b"raw", {1: "x"}, object()])
def test_what_json_has_no_form_for_is_refused_on_writing(value: object) -> None:
    with pytest.raises(JournalError, match="action_ended event cannot be written down"):
        to_dict(replace(ENDED, facts={"x": value}))


def test_an_older_document_is_upgraded_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(doc: codec.Document) -> codec.Document:
        return {**doc, "action": doc["verb"]}

    def number(doc: codec.Document) -> codec.Document:
        return {**doc, "attempt": int(doc["attempt"])}

    monkeypatch.setitem(codec.UPGRADES, ("action_begun", 1), rename)
    monkeypatch.setitem(codec.UPGRADES, ("action_begun", 2), number)
    old = {"kind": "action_begun", "v": 1, "at": 1.0, "host": "a", "verb": "stage", "attempt": "2"}
    assert from_dict(old) == ActionBegun(1.0, "a", Action.STAGE, 2)
    assert "action" not in old
    assert to_dict(ActionBegun(1.0, "a", Action.STAGE))["v"] == 3
    assert to_dict(OperatorAsked(1.0, Request.PAUSE, "ops"))["v"] == 1
