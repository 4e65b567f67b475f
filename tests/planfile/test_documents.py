"""The JSON Schema and the reference: made from the code, and held against it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from orchestrator import yamldoc
from orchestrator.compose import KINDS
from orchestrator.errors import PlanError
from orchestrator.planfile import json_schema, load, reference
from orchestrator.schema import Reader, Rendering, UseOf, shape_of
from tests.planfile.plans import FULL, MINIMAL, read

DOCS = Path(__file__).parents[2] / "docs"
_YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def complaints(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema(KINDS))
    value = yamldoc.plain(yamldoc.parse(text, "plan.yml"))
    return [error.json_path for error in validator.iter_errors(value)]


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema(KINDS))


def test_the_written_schema_is_the_codes():
    """Mend with: fleet schema > docs/plan.schema.json."""
    text = json.dumps(json_schema(KINDS), indent=2, ensure_ascii=False) + "\n"
    assert (DOCS / "plan.schema.json").read_text(encoding="utf-8") == text


def test_the_written_reference_is_the_codes():
    assert (DOCS / "plan-reference.md").read_text(encoding="utf-8") == reference(KINDS)


def test_the_references_plan_is_a_plan(tmp_path):
    plan, *_ = _YAML.findall(reference(KINDS))
    assert read(tmp_path, plan).name == "gateway-2.4"
    assert complaints(plan) == []


def test_the_references_checks_triggers_and_gates_are_such():
    kinds = {**KINDS.checks, **KINDS.triggers, **KINDS.gates}
    use = UseOf("check", {name: shape_of(kind) for name, kind in kinds.items()})
    _, *sections = _YAML.findall(reference(KINDS))
    assert len(sections) == len(kinds)
    for section in sections:
        items = yamldoc.parse(section, "reference")
        assert isinstance(items, yamldoc.SequenceNode)
        for item in items.value:
            reader = Reader(Rendering.NOTHING)
            reader.decode(use, item, "")
            assert reader.problems == []


@pytest.mark.parametrize("text", [MINIMAL, FULL, MINIMAL + "order:\nvars:\nrollout:\n"])
def test_good_plans_fit_the_schema(tmp_path, text):
    read(tmp_path, text)
    assert complaints(text) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (MINIMAL + "windows: []\n", "$"),
        (MINIMAL + "rollout: {max_parallel: 0}\n", "$.rollout.max_parallel"),
        (MINIMAL + "rollout: {on_halt: stop}\n", "$.rollout.on_halt"),
        (MINIMAL.replace("on: all", "on: all, trial: 3 minutes"), "$.packages.app.trial"),
        (
            MINIMAL.replace("on: all", "on: all, pre_checks: [{memori: 1}]"),
            "$.packages.app.pre_checks[0]",
        ),
    ],
)
def test_what_the_schema_refuses_the_loader_refuses(tmp_path, text, where):
    assert complaints(text) == [where]
    with pytest.raises(PlanError):
        read(tmp_path, text)


def test_the_schema_explains_and_tells_defaults():
    rollout = json_schema(KINDS)["properties"]["rollout"]  # type: ignore[index]
    parallel = rollout["properties"]["max_parallel"]
    assert parallel["description"] == "Hosts worked on at the same time."
    assert parallel["default"] == 50


def test_example_plans_are_plans(request):
    examples = sorted((DOCS.parent / "playbooks").glob("*.yml"))
    for example in examples:
        assert load(example, KINDS).packages
        assert complaints(example.read_text(encoding="utf-8")) == []
