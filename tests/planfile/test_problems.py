"""Plans that are wrong: every problem at once, each with its place and its mend."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.compose import KINDS
from orchestrator.errors import ExitCode, PlanError
from orchestrator.planfile import load
from tests.planfile.plans import FULL, MINIMAL, of_app, read, refused

HERE = Path(__file__).parent


def test_a_plan_with_everything_wrong_is_told_all_of_it():
    """``broken.txt`` is what a person would see."""
    with pytest.raises(PlanError) as caught:
        load(HERE / "broken.yml", KINDS)
    said = str(caught.value).replace(f"{HERE}/", "")
    assert said + "\n" == (HERE / "broken.txt").read_text(encoding="utf-8")
    assert caught.value.exit_code is ExitCode.INVALID


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "",
            [
                "plan.yml:1:1: 'plan' is missing; add 'plan: …' (a name)",
                (
                    "plan.yml:1:1: 'fleet' is missing; add 'fleet: …' "
                    "(Which hosts there are, and which of them the plan is about.)"
                ),
                "plan.yml:1:1: 'packages' is missing; add 'packages: …' (What should be where.)",
            ],
        ),
        (
            "- a\n",
            [
                (
                    "plan.yml:1:1: expected a mapping; its keys are: "
                    "plan, description, fleet, trust, vars, packages, order, rollout"
                )
            ],
        ),
        (
            MINIMAL + "plan: again\n",
            [
                (
                    "plan.yml:5:1: key 'plan' is here for the second time, first at line 1; "
                    "keep one of them"
                )
            ],
        ),
        (
            MINIMAL + "windows: []\n",
            ["plan.yml:5:1: windows: not supported by this version; remove it"],
        ),
        (
            MINIMAL + "vars: {x: '{{ inventory_hostname }}'}\n",
            [
                (
                    "plan.yml:5:11: vars.x: variable 'inventory_hostname' is not defined; "
                    "here only 'vars' of the plan and -e are known, no variables of hosts"
                )
            ],
        ),
        (
            MINIMAL + "vars: {port: 1}\nrollout: {max_parallel: '{{ prot }}'}\n",
            [
                (
                    "plan.yml:6:25: rollout.max_parallel: variable 'prot' is not defined; "
                    "did you mean 'port'?"
                )
            ],
        ),
        (
            MINIMAL + "rollout: {timeouts: {validate: 10m}}\n",
            [
                (
                    "plan.yml:4:3: packages.app.trial: a trial of 3m is shorter than the timeouts "
                    "validate and confirm together (11m): a host could go back while it is proved; "
                    "give at least 11m, or lower rollout.timeouts"
                )
            ],
        ),
        (
            MINIMAL + "order: [app before app]\n",
            ["plan.yml:5:9: order[0]: 'app' cannot wait for itself; remove it"],
        ),
        (
            f"{MINIMAL}  db: {{on: all, bundle: b}}\norder: [app before db, app after db]\n",
            [
                (
                    "plan.yml:6:9: order[0]: these orders make a circle: app before db "
                    "(plan.yml:6:9) → db before app (plan.yml:6:24); "
                    "remove one of them, or narrow it"
                )
            ],
        ),
        (
            MINIMAL + "rollout: {cohorts: [{name: a, count: 1}, {name: a}]}\n",
            [
                (
                    "plan.yml:5:42: rollout.cohorts[1]: a second cohort named 'a', "
                    "the first is at line 5; give it another name"
                )
            ],
        ),
        (
            FULL.replace("name: one,", "name: one, after: [two],"),
            [
                (
                    "plan.yml:28:9: packages.gateway.steps: these steps make a circle: "
                    "two after one (plan.yml:28:9) → one after two (plan.yml:27:9); "
                    "break it in one 'after'"
                )
            ],
        ),
        (
            FULL.replace("name: one,", "name: one, after: [one, two],"),
            [
                (
                    "plan.yml:27:9: packages.gateway.steps[0].after: "
                    "a step cannot wait for itself; remove it"
                )
            ],
        ),
        (
            FULL.replace("name: one,", "name: o ne, after: two,").replace(
                "after: one", "after: o ne"
            ),
            [
                (
                    f"plan.yml:{place}: expected a name, found 'o ne'; "
                    "use letters, digits, '-', '_' and single '.', at most 64 of them"
                )
                for place in (
                    "27:16: packages.gateway.steps[0].name",
                    "28:43: packages.gateway.steps[1].after",
                )
            ],
        ),
        (
            FULL.replace("gateway-db:", "gate way:"),
            [
                (
                    "plan.yml:30:3: packages.gate way: not a package's name; "
                    "use letters, digits, '-', '_' and single '.', at most 64 of them"
                ),
                ("plan.yml:35:5: order[0]: no such package: 'gateway-db'; did you mean 'gateway'?"),
            ],
        ),
    ],
)
def test_problems(tmp_path, text, problems):
    assert refused(tmp_path, text) == problems


PLACE = "packages.app"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            "reboot: {lock: }",
            (
                f"5:20: {PLACE}.reboot.lock: expected one gate with its options; "
                "write '<name>: {option: value}'; known: fleet_lock"
            ),
        ),
        (
            "triggers: [{service_health: {services: ['a b']}}]",
            (
                f"5:45: {PLACE}.triggers[0].service_health.services[0]: expected the name of a "
                "service, found 'a b'; name one, of letters, digits and _ @ . : \\ -"
            ),
        ),
        (
            "validations: [{tcp: 'a b:1'}]",
            (
                f"5:25: {PLACE}.validations[0].tcp: expected an address, found 'a b:1'; "
                "write e.g. 127.0.0.1:80"
            ),
        ),
        (
            "trial: {deadline: 3h, ceiling: 1m}",
            (
                f"5:12: {PLACE}.trial: a ceiling of 1m is below the deadline of 3h, and no trial "
                "lasts longer than its ceiling; give a ceiling of at least 3h, or a shorter "
                "deadline"
            ),
        ),
        (
            "trial: {ceiling: 1m}",
            (
                f"5:12: {PLACE}.trial: a ceiling of 1m is below the deadline of 3m, and no trial "
                "lasts longer than its ceiling; give a ceiling of at least 3m, or a shorter "
                "deadline"
            ),
        ),
        (
            "trial: {deadline: 5m, renewal: 2h, ceiling: 90m}",
            (
                f"5:12: {PLACE}.trial: a ceiling of 1h30m is below the renewal of 2h, and no "
                "trial lasts longer than its ceiling; give a ceiling of at least 2h, or a "
                "shorter renewal"
            ),
        ),
        *(
            (keys, f"5:{at}: holds a NUL, or what is not UTF-8; remove it: no shell takes it")
            for keys, at in (
                (r'hooks: {post_activate: "a\0b"}', f"28: {PLACE}.hooks.post_activate"),
                (r'steps: [{name: a, run: "\0"}]', f"28: {PLACE}.steps[0].run"),
                (r'restart: ["a\0b {{ x }}"]', f"15: {PLACE}.restart[0]"),
                (r'environment: {A: "\0"}', f"22: {PLACE}.environment.A"),
                (r'validations: [command: "\0"]', f"28: {PLACE}.validations[0].command"),
                (r'reboot: {command: "\0"}', f"23: {PLACE}.reboot.command"),
            )
        ),
        (
            "hooks: {pre_stage: ''}",
            (
                f"5:24: {PLACE}.hooks.pre_stage: expected shell text, found ''; "
                "write at least one character"
            ),
        ),
    ],
)
def test_problems_of_one_key(tmp_path, keys, problem):
    assert refused(tmp_path, of_app(keys)) == [f"plan.yml:{problem}"]


def test_a_missing_file_is_a_problem(tmp_path):
    with pytest.raises(PlanError, match=r"none\.yml: cannot be read: No such file"):
        load(tmp_path / "none.yml", KINDS)


def test_a_file_that_is_not_text_is_a_problem(tmp_path):
    path = tmp_path / "plan.yml"
    path.write_bytes(b"plan: \xff\n")
    with pytest.raises(PlanError, match="byte 7 is not UTF-8; save the file as UTF-8"):
        load(path, KINDS)


_WORDS = """
    plan fleet inventory hosts packages on bundle version keep order rollout vars cohorts name
    share bake steps run after pre_checks command tcp trial limit max_failures max_unavailable
    timeouts check restart environment hooks trust
"""
_KEYS = _WORDS.split()
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70000),
    st.floats(allow_nan=False),
    st.sampled_from(["a", "10%", "5m", "{{ x }}", "{{ 1 / 0 }}", "{% if", "a before b", "/x", ""]),
    st.text(max_size=8),
)
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=4), inner, max_size=5),
    ),
    max_leaves=25,
)
_TEXTS = st.one_of(
    _DOCUMENTS.map(json.dumps),
    st.fixed_dictionaries(dict.fromkeys(("plan", "fleet", "packages", "rollout"), _DOCUMENTS)).map(
        json.dumps
    ),
    st.text(st.characters(codec="utf-8"), max_size=80),
    st.tuples(st.integers(0, len(FULL)), st.text(st.characters(codec="utf-8"), max_size=5)).map(
        lambda cut: FULL[: cut[0]] + cut[1] + FULL[cut[0] + 3 :]
    ),
)


@given(_TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_text_is_a_plan_or_a_plan_error(tmp_path, text):
    with contextlib.suppress(PlanError):
        read(tmp_path, text)
