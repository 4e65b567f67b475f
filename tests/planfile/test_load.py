"""Plans that are right: what is read, and what it means."""

from __future__ import annotations

from dataclasses import fields

import pytest

from orchestrator.model.consent import Change, Consent, ReleasePolicy
from orchestrator.model.keeping import Retention
from orchestrator.model.plan import (
    Amount,
    CommitScope,
    EdgeKind,
    FailureBudget,
    OnHalt,
    Origin,
    Package,
    Plan,
    RolloutPolicy,
    Timeouts,
    UnavailabilityBudget,
    UnreachableBudget,
    UnreachablePolicy,
)
from orchestrator.model.trial import Trial
from orchestrator.schema import thaw
from tests.planfile.plans import FULL, MINIMAL, of_app, read


@pytest.fixture
def full(tmp_path) -> Plan:
    folder = tmp_path / "plans"
    folder.mkdir()
    return read(folder, FULL)


def test_defaults_are_those_of_the_model(tmp_path):
    plan = read(tmp_path, MINIMAL)
    assert plan.rollout == RolloutPolicy()
    (package,) = plan.packages
    bare = Package("app", "all", Origin(str(tmp_path / "bundles/app")))
    assert package == bare
    assert plan.hosts == "all"
    assert plan.inventory == (str(tmp_path / "hosts"),)
    assert plan.allowed_signers == ""
    assert (plan.edges, plan.variables) == ((), ())


def test_paths_are_taken_from_the_plans_folder(full, tmp_path):
    assert full.inventory == (str(tmp_path / "inventories/edge"), "a,b,")
    assert full.allowed_signers == str(tmp_path / "trust/signers")
    assert full.packages[0].bundle == Origin(str(tmp_path / "bundles/gateway"))


def test_packages_are_read_in_order_with_their_places(full, tmp_path):
    gateway, database = full.packages
    assert (gateway.name, database.name) == ("gateway", "gateway-db")
    assert str(gateway.position) == f"{tmp_path}/plans/plan.yml:12:3"
    assert gateway.keep == Retention(4)
    assert gateway.trial == Trial(240.0)
    assert gateway.restart == ("gateway.service",)
    assert gateway.environment == (("DEBUG", "false"), ("MODE", "production"))
    assert database.version == "2.10"


def test_values_for_hosts_stay_templates(full):
    gateway = full.packages[0]
    assert gateway.root == "/srv/{{ facts.os }}"
    assert [step.run for step in gateway.steps] == ["echo {{ x }}", "echo two"]
    assert gateway.steps[1].after == ("one",)


def test_checks_are_uses_with_decoded_options(full):
    gateway = full.packages[0]
    disk, command = gateway.pre_checks
    assert disk.name == "disk_space"
    assert disk.options == (("free", 500 * 1024**2), ("path", "/opt"))
    assert command.options == (("run", "true"),)
    http, tcp = gateway.validations
    assert http.options == (("contains", "{{ release.version }}"), ("url", "{{ url }}"))
    assert tcp.options == (("address", "127.0.0.1:{{ port }}"),)
    assert (tcp.position.line, tcp.position.column) == (25, 9)
    assert hash(gateway)


def test_order_is_read_both_ways(full, tmp_path):
    packages, hosts = full.edges
    assert (packages.before, packages.after) == ("gateway-db", "gateway")
    assert packages.kind is EdgeKind.PACKAGES
    assert (hosts.before, hosts.after, hosts.kind) == ("databases", "gateways", EdgeKind.HOSTS)
    turned = FULL.replace("gateway-db before gateway", "gateway after gateway-db")
    assert read(tmp_path, turned).edges == full.edges


def test_the_rollout_is_read(full):
    rollout = full.rollout
    shares = [(c.name, c.hosts, c.share, c.bake) for c in rollout.cohorts]
    assert shares == [
        ("canary", "canaries", None, 600.0),
        ("few", None, Amount(3), 0.0),
        ("early", None, Amount(10, percent=True), 5400.0),
        ("everyone", None, None, 0.0),
    ]
    assert rollout.max_unavailable == UnavailabilityBudget(Amount(10, percent=True), "zone")
    assert rollout.max_failures == FailureBudget(Amount(2, percent=True))
    defer = UnreachableBudget(Amount(5, percent=True), 4, UnreachablePolicy.DEFER)
    assert rollout.max_unreachable == defer
    assert rollout.on_halt is OnHalt.HOLD
    assert rollout.commit is CommitScope.RUN
    assert rollout.timeouts == Timeouts(stage=90.0)
    assert (rollout.retries.attempts, rollout.retries.backoff) == (5, 0.5)


def test_variables_may_use_those_above_them(full):
    variables = {name: thaw(value) for name, value in full.variables}
    url = "http://127.0.0.1:8080/health"
    assert variables == {"port": 8080, "url": url, "zones": [["a", 1], ["b", 2]]}


def test_variables_of_the_command_line_win(tmp_path):
    text = MINIMAL + 'vars: {n: 1, name: "v{{ n }}"}\nrollout: {max_parallel: "{{ n }}"}\n'
    plan = read(tmp_path, text, n=7, other="x")
    assert dict(plan.variables) == {"n": 7, "name": "v7", "other": "x"}
    assert plan.rollout.max_parallel == 7


@pytest.mark.parametrize(
    ("trial", "renewal", "ceiling"),
    [
        ("3h", 3600.0, 86400.0),
        ("{deadline: 3d}", 3600.0, 3 * 86400.0),
        ("{renewal: 2d}", 2 * 86400.0, 2 * 86400.0),
        ("{ceiling: 30m}", 1800.0, 1800.0),
    ],
)
def test_what_a_trial_does_not_say_yields_to_what_it_says(tmp_path, trial, renewal, ceiling):
    [package] = read(tmp_path, of_app(f"trial: {trial}")).packages
    assert (package.trial.renewal, package.trial.ceiling) == (renewal, ceiling)


def test_a_release_policy_is_read(tmp_path):
    strict = "policy: {patch: ask, minor: approve, critical: none}, bundle: bundles/app"
    (package,) = read(tmp_path, MINIMAL.replace("bundle: bundles/app", strict)).packages
    assert package.policy == ReleasePolicy(
        patch=Consent.ASK, minor=Consent.APPROVE, critical=Change.NONE
    )


def test_any_value_may_be_a_template(tmp_path):
    text = (
        'vars: {who: web, t: 2m, share: 10, fine: true, what: hold, v: "2.10"}\n'
        + MINIMAL.replace(
            "on: all,", 'on: "{{ who }}", allow_downgrade: "{{ fine }}", version: "{{ v }}",'
        )
        + 'rollout: {on_halt: "{{ what }}", timeouts: {check: "{{ t }}"}, '
        + 'cohorts: [{name: c, share: "{{ share }}%"}, {name: rest}]}\n'
    )
    plan = read(tmp_path, text)
    package = plan.packages[0]
    assert (package.on, package.allow_downgrade, package.version) == ("web", True, "2.10")
    assert plan.rollout.on_halt is OnHalt.HOLD
    assert plan.rollout.timeouts.check == 120.0
    assert plan.rollout.cohorts[0].share == Amount(10, percent=True)


def test_the_digest_is_of_the_meaning(tmp_path):
    folder = tmp_path / "a"
    other = tmp_path / "b"
    folder.mkdir()
    other.mkdir()
    first = read(folder, FULL).digest
    assert len(first) == 64
    spelled = (
        FULL.replace("bake: 10m", "bake: 600")
        .replace("500MiB", "512000KiB")
        .replace('command: "true"', "command: {run: 'true', timeout: 30}")
        .replace("description", "# other\ndescription")
    )
    assert read(other, spelled).digest == first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bake: 10m", "bake: 11m"),
        ("500MiB", "501MiB"),
        ("echo down", "echo up"),
        ("[[a, 1], [b, 2]]", "{a: 1, b: 2}"),
        ("../bundles/gateway\n", "../bundles/other\n"),
        ("on_halt: hold", "on_halt: rollback-run"),
        ("gateway-db before gateway", "gateway before gateway-db"),
    ],
)
def test_another_meaning_is_another_digest(tmp_path, old, new):
    assert old in FULL
    changed = read(tmp_path, FULL.replace(old, new))
    assert changed.digest != read(tmp_path, FULL).digest


def test_variables_of_the_command_line_change_the_digest(tmp_path):
    assert read(tmp_path, FULL, more=1).digest != read(tmp_path, FULL).digest


def test_the_default_spelled_out_is_the_default(tmp_path):
    spelled = MINIMAL + "rollout: {resample: 10, max_failures: 0, on_halt: rollback-wave}\n"
    assert read(tmp_path, spelled).digest == read(tmp_path, MINIMAL).digest


def test_every_value_of_the_model_can_be_written():
    """A field that a plan cannot set is a field that the loader forgot."""
    from orchestrator.planfile.package import package_shape
    from orchestrator.planfile.shapes import ROLLOUT, TIMEOUTS
    from orchestrator.schema import UseOf

    shapes = [
        (
            Package,
            package_shape(*(UseOf(noun, {}) for noun in ("check", "trigger", "gate"))),
            {"name", "position"},
        ),
        (RolloutPolicy, ROLLOUT, set()),
        (Timeouts, TIMEOUTS, set()),
    ]
    for model, shape, elsewhere in shapes:
        written = {item.name for item in shape.fields}
        assert {item.name for item in fields(model)} - elsewhere == written
