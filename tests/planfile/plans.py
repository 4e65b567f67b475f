"""Plans for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.compose import KINDS
from orchestrator.errors import PlanError
from orchestrator.model.plan import Plan
from orchestrator.planfile import load

MINIMAL = """\
plan: demo
fleet: {inventory: hosts}
packages:
  app: {on: all, bundle: bundles/app}
"""


def of_app(keys: str) -> str:
    """Return a plan whose package has these keys too, on line 5."""
    return MINIMAL.replace(
        "{on: all, bundle: bundles/app}", f"{{on: all, bundle: bundles/app,\n    {keys}}}"
    )


FULL = """\
plan: gateway-2.4
description: Gateways to 2.4, database first
fleet:
  inventory: [../inventories/edge, "a,b,"]
  hosts: gateways:databases:!retired
trust: {allowed_signers: ../trust/signers}
vars:
  port: 8080
  url: "http://127.0.0.1:{{ port }}/health"
  zones: [[a, 1], [b, 2]]
packages:
  gateway:
    on: gateways
    bundle: ../bundles/gateway
    version: "^2.4"
    root: "/srv/{{ facts.os }}"
    keep: 4
    restart: gateway.service
    environment: {MODE: production, DEBUG: false}
    pre_checks:
      - disk_space: {path: /opt, free: 500MiB}
      - command: "true"
    validations:
      - http: {url: "{{ url }}", contains: "{{ release.version }}"}
      - tcp: "127.0.0.1:{{ port }}"
    steps:
      - {name: one, run: "echo {{ x }}", down: echo down}
      - {name: two, run: echo two, after: one}
    trial: {deadline: 4m}
  gateway-db:
    on: databases
    bundle: ../bundles/gateway-db
    version: 2.10
order:
  - gateway-db before gateway
  - {hosts: gateways, after: databases}
rollout:
  cohorts:
    - {name: canary, hosts: canaries, bake: 10m}
    - {name: few, count: 3}
    - {name: early, share: 10%, bake: 1h30m}
    - {name: everyone}
  max_parallel: 20
  max_unavailable: {limit: 10%, per: zone}
  max_failures: 2%
  max_unreachable: {limit: 5%, min_sample: 4, then: defer}
  on_halt: hold
  commit: run
  resample: 20%
  timeouts: {stage: 90}
  retries: {attempts: 5, backoff: 500ms}
"""


def read(folder: Path, text: str, **extra_vars: object) -> Plan:
    """Return the plan with this text, as a file of the folder."""
    path = folder / "plan.yml"
    path.write_text(text, encoding="utf-8")
    return load(path, KINDS, extra_vars)


def refused(folder: Path, text: str, **extra_vars: object) -> list[str]:
    """Return the problems of a plan with this text, without the folder's name."""
    with pytest.raises(PlanError) as caught:
        read(folder, text, **extra_vars)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]
