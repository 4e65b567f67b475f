"""Lock, trial, releases, services, backups and history of one package on a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from orchestrator.clock import iso
from orchestrator.doctor.chart import Area, Chart, Finding, Level
from orchestrator.doctor.spelling import BACKUP
from orchestrator.host.diagnosis import Entry, Patient
from orchestrator.host.drift import weigh
from orchestrator.host.replies import Probe, Trial, text
from orchestrator.model.carried import is_carried
from orchestrator.model.keeping import OnDrift
from orchestrator.report.figures import span

SHOWN = 3
"""Entries of a history, and names in a list, that are shown."""
BEGIN, END = "begin", "end"
"""What a history says first and last of an operation; without an end it was broken off."""

_RESTART: Mapping[str, str] = {
    "systemd": "systemctl restart -- {unit}",
    "openrc": "rc-service {name} restart",
    "other": "service {name} restart",
}

_AGAIN: Mapping[str, tuple[str, ...]] = {
    "backup": ("hosts backup", "--package", "{package}"),
    "restore": ("hosts restore", "--package", "{package}", "--from", BACKUP),
    "repair": ("hosts repair",),
}
"""What was asked for without a run that could be resumed, by operation."""

_STATES = {"active": Level.OK, "activating": Level.WARNING, "reloading": Level.WARNING}
_STATES |= {"unknown": Level.WARNING}


def records(chart: Chart, patient: Patient) -> Iterator[Finding]:
    """Name records of the host that cannot be read: nothing can be done before they are mended."""
    folder = f"{patient.place.state}/{patient.place.package}"
    for name in patient.diagnosis.damage:
        path = f"{folder}/{name}"
        mend = chart.spelling.on_host(f"mv {quote(path)} {quote(path)}.damaged")
        yield Finding(Level.PROBLEM, Area.LOCK, f"the record {path} is damaged", mend)
    if patient.trouble and not patient.diagnosis.damage:
        mend = chart.spelling.here("doctor")
        yield Finding(Level.PROBLEM, Area.LOCK, f"cannot be probed: {patient.trouble}", mend)


def lock(chart: Chart, patient: Patient) -> Iterator[Finding]:
    """Say who holds the package."""
    hold = patient.diagnosis.hold
    if hold is None:
        if "lock" not in patient.diagnosis.damage:
            yield Finding(Level.OK, Area.LOCK, "nobody holds it")
        return
    told = f"run {hold.run} ({hold.owner}) holds it since {iso(hold.since)}"
    if not hold.binds:
        yield Finding(Level.OK, Area.LOCK, f"{told}; it is over, and keeps nobody out")
        return
    mend = _unlock(chart, patient)
    left = f"until {span(hold.expires_in)} from now"
    if hold.lives:
        yield Finding(Level.WARNING, Area.LOCK, f"{told}, and is at work; {left}", mend)
    else:
        yield Finding(Level.PROBLEM, Area.LOCK, f"{told}, and its session is gone; {left}", mend)


def trial(chart: Chart, patient: Patient) -> Iterator[Finding]:
    """Say whether a trial is on and protected, and how the last one ended."""
    if patient.probe is None:
        return
    on, last = patient.probe.trial, patient.probe.last
    if on is None:
        how = f"the last one ended {last.outcome}" if last else "none yet"
        why = f": {last.reason}" if last and last.reason else ""
        stranded = last is not None and last.outcome == "stranded"
        mend = chart.spelling.fleet("apply") if stranded else ""
        level = Level.PROBLEM if stranded else Level.OK
        yield Finding(level, Area.TRIAL, f"none is on; {how}{why}", mend)
        return
    yield _on_trial(chart, patient, on)
    if not on.boot_hook:
        what = "after a reboot nothing takes the host back before somebody looks: no boot hook"
        yield Finding(Level.WARNING, Area.TRIAL, what, _go_on(on.run))


def _on_trial(chart: Chart, patient: Patient, on: Trial) -> Finding:
    stage = "is confirmed, and waits for its commit, on trial" if on.confirmed else "is on trial"
    told = f"{on.release} {stage} by run {on.run}"
    if not on.guarded:
        what = f"{told}, and its watchdog is dead: nothing takes the host back"
        return Finding(Level.PROBLEM, Area.TRIAL, what, _unlock(chart, patient))
    if on.remaining > 0:
        wants = "committed or renewed" if on.confirmed else "confirmed"
        what = f"{told}: it goes back by itself in {span(on.remaining)} unless {wants}"
        return Finding(Level.WARNING, Area.TRIAL, what, _go_on(on.run))
    return Finding(Level.WARNING, Area.TRIAL, f"{told}, is overdue, and is going back")


def _unlock(chart: Chart, patient: Patient) -> str:
    """Return the command that breaks the lock, by way of going back where a trial is on."""
    on = patient.probe is not None and patient.probe.trial is not None
    force = ["--force"] if on else []
    words = ["--package", patient.place.package, "--yes", *force]
    return chart.spelling.here("hosts unlock", *words)


def releases(chart: Chart, patient: Patient) -> Iterator[Finding]:
    """Say what is active, what there is to go back to, and whether it is whole."""
    probe = patient.probe
    if probe is None:
        return
    found = [*_active(chart, patient, probe), *_back(chart, patient, probe)]
    found += _incomplete(chart, patient)
    if all(finding.level is Level.OK for finding in found):
        before = f", before it {probe.previous}" if probe.previous else ""
        golden = f"; golden: {probe.golden}" if probe.golden else ""
        what = (
            f"{probe.active or 'nothing'} is active{before}; whole: {len(probe.releases)}{golden}"
        )
        found.append(Finding(Level.OK, Area.RELEASES, what))
    yield from found


def _active(chart: Chart, patient: Patient, probe: Probe) -> Iterator[Finding]:
    name = patient.place.package
    if not probe.active:
        if name in chart.planned:
            mend = chart.spelling.fleet("apply")
            yield Finding(Level.WARNING, Area.RELEASES, "nothing is active", mend)
        return
    if probe.active not in probe.releases:
        what = f"{probe.active} is active, and was never laid down whole, or is gone"
        yield Finding(Level.PROBLEM, Area.RELEASES, what, chart.spelling.fleet("apply"))
        return
    verdict = weigh(chart.planned.get(name, OnDrift()), probe)
    if probe.drift and (verdict.objects or verdict.mends):
        what = f"{probe.active} is not what was signed: {probe.drift.reason}"
        mend = chart.spelling.fleet("hosts repair")
        yield Finding(Level.PROBLEM, Area.RELEASES, what, mend)


def _back(chart: Chart, patient: Patient, probe: Probe) -> Iterator[Finding]:
    if probe.previous and probe.previous not in probe.releases:
        place = patient.place
        what = f"{probe.previous}, which was active before, is gone or not whole"
        mend = chart.spelling.on_host(f"rm -f {quote(f'{place.root}/{place.package}/previous')}")
        yield Finding(Level.WARNING, Area.RELEASES, what, mend)


def _incomplete(chart: Chart, patient: Patient) -> Iterator[Finding]:
    names = patient.diagnosis.incomplete
    if names and not patient.diagnosis.at_work:
        paths = " ".join(quote(patient.place.release_path(name)) for name in names)
        what = f"begun and not whole, of no use: {', '.join(names)}"
        mend = chart.spelling.on_host(f"rm -rf {paths}")
        yield Finding(Level.WARNING, Area.RELEASES, what, mend)


def services(chart: Chart, patient: Patient) -> Iterator[Finding]:
    """Say whether the services that a switch restarts are active."""
    form = _RESTART.get(text(chart.facts, "init"), _RESTART["other"])
    for unit, state in patient.diagnosis.services:
        level = _STATES.get(state, Level.PROBLEM)
        restart = form.format(unit=quote(unit), name=quote(unit.removesuffix(".service")))
        mend = "" if level is Level.OK else chart.spelling.on_host(restart)
        yield Finding(level, Area.SERVICES, f"{unit} is {state or 'unknown'}", mend)


def backups(_chart: Chart, patient: Patient) -> Iterator[Finding]:
    """Say what backups there are."""
    told = patient.diagnosis
    newest = f", the newest {told.data_backups[-1]}" if told.data_backups else ""
    what = f"of data: {len(told.data_backups)}{newest}; of replaced files: {told.backups}"
    yield Finding(Level.OK, Area.BACKUPS, what)


def history(chart: Chart, patient: Patient) -> Iterator[Finding]:
    """Show the last entries; one that began and has no end was broken off."""
    entries = patient.history
    ended = [entry for entry in entries if entry.at != BEGIN]
    for entry in ended[-SHOWN:]:
        yield Finding(Level.OK, Area.HISTORY, _entry(entry))
    last = next((entry for entry in reversed(entries) if entry.at in (BEGIN, END)), None)
    if last and last.at == BEGIN and not patient.diagnosis.at_work:
        what = f"{_entry(last)}: was broken off"
        yield Finding(Level.WARNING, Area.HISTORY, what, _again(chart, patient, last))


def _again(chart: Chart, patient: Patient, entry: Entry) -> str:
    """Return the command that asks for a broken-off operation again, as it was asked for.

    Only runs are resumed; the other commands put their name before what they call one.
    """
    if entry.op == "unlock":
        return _unlock(chart, patient)
    if entry.op in _AGAIN and entry.run.startswith(f"{entry.op}-"):
        command, *words = _AGAIN[entry.op]
        package = patient.place.package
        return chart.spelling.fleet(command, *(word.format(package=package) for word in words))
    return _go_on(entry.run)


def _go_on(run: str) -> str:
    """Return what takes a run up again; one of a medium is its host's own."""
    if is_carried(run):
        return "on the host, from its medium: sh install.sh --install"
    return f"fleet resume {quote(run)}"


def _entry(entry: Entry) -> str:
    words = (iso(entry.when), entry.op, entry.release, entry.status, entry.reason)
    return " ".join(word for word in words if word) + (f" (run {entry.run})" if entry.run else "")
