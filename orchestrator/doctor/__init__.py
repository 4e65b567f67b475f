"""Judges what hosts tell: facts in, findings out, each with the command that mends it.

A new finding is one rule, and one entry of a table here. Nothing is asked of hosts in this room:
``service/examining.py`` does that.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from orchestrator.doctor import package, reach, system
from orchestrator.doctor.chart import Area, Chart, Finding, Level, PatientRule, Rule
from orchestrator.doctor.spelling import Spelling

__all__ = ["Area", "Chart", "Finding", "Level", "Spelling", "judge"]

RULES: tuple[Rule, ...] = (
    reach.ways,
    reach.recovery,
    reach.examination,
    system.clock,
    reach.tools,
    system.disks,
)
"""Of a host as a whole."""

PATIENT_RULES: tuple[PatientRule, ...] = (
    package.records,
    package.lock,
    package.trial,
    package.releases,
    package.services,
    package.backups,
    package.history,
)
"""Of each package on a host that could be examined."""


def judge(chart: Chart) -> tuple[Finding, ...]:
    """Return what is to be said of a host, in the order of the tables."""
    of_host = chain.from_iterable(rule(chart) for rule in RULES)
    of_packages = (
        replace(finding, package=patient.place.package)
        for patient in chart.patients
        for rule in PATIENT_RULES
        for finding in rule(chart, patient)
    )
    return (*of_host, *of_packages)
