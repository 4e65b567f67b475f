"""Charts for tests: a healthy host, and what is changed of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.doctor import Chart, Finding, Level, Spelling, judge
from orchestrator.host.diagnosis import Diagnosis, Disk, Hold, Patient
from orchestrator.host.replies import Last, Probe, Trial
from orchestrator.host.requests import Place
from orchestrator.model.keeping import OnDrift
from orchestrator.model.reach import Way

NOW = 1_800_000_000
OLD, NEW = "1.0.0-aaaaaaaaaaaa", "1.1.0-bbbbbbbbbbbb"
PLACE = Place("app", "/opt/fleet", "/var/lib/fleet")
SPELLING = Spelling("h1", "plan.yml", ("-u", "ops"), ("ssh", "-p", "2222", "ops@h1"))
WAY = Way("ops@10.0.0.1:22", SPELLING.ssh)
DISK = Disk("root", "/opt", "/", 10 << 20, 5 << 20, 1000, 900)
FACTS = {"epoch": NOW, "os": "debian", "init": "systemd", "user": "ops", "missing": []}
PROBE = Probe(NEW, OLD, (OLD, NEW), last=Last("n", "r-1", OLD, NEW, "committed", ""))
TRIAL = Trial("n2", "r-2", NEW, OLD, 90, activated=True, guarded=True, boot_hook="cron")
HOLD = Hold("r-2", "bob@ops", NOW - 60, 540, binds=True, lives=True)
PATIENT = Patient(PLACE, Diagnosis((DISK,), ("app",)), PROBE)
HEALTHY = Chart("h1", SPELLING, (WAY,), FACTS, 0.0, (DISK,), (PATIENT,), planned={"app": OnDrift()})


def ill(**told: Any) -> Chart:
    """Return the healthy host with another diagnosis of its package."""
    return with_patient(diagnosis=replace(PATIENT.diagnosis, **told))


def probed(**told: Any) -> Chart:
    """Return the healthy host with another probe of its package."""
    return with_patient(probe=replace(PROBE, **told))


def with_patient(**changes: Any) -> Chart:
    return replace(HEALTHY, patients=(replace(PATIENT, **changes),))


def with_facts(**changes: object) -> Chart:
    return replace(HEALTHY, facts=FACTS | changes)


def with_disk(**changes: Any) -> Chart:
    return replace(HEALTHY, disks=(replace(DISK, **changes),))


def worst(chart: Chart) -> list[Finding]:
    """Return what is not ok."""
    return [finding for finding in judge(chart) if finding.level is not Level.OK]
