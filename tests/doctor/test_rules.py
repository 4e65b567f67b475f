"""Facts in, findings out: each rule, with the command that it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.doctor import Area, Chart, Level, judge
from orchestrator.errors import BecomeRefused, HostError, HostKeyRefused, Unreachable
from orchestrator.host.diagnosis import Entry
from orchestrator.host.replies import Drift, Last
from orchestrator.model.keeping import DriftPolicy, OnDrift
from orchestrator.model.reach import Layer, Way
from tests.doctor.charts import (
    HEALTHY,
    HOLD,
    NEW,
    OLD,
    PROBE,
    TRIAL,
    WAY,
    ill,
    probed,
    with_disk,
    with_facts,
    with_patient,
    worst,
)

P, W = Level.PROBLEM, Level.WARNING
SSH = "ssh -p 2222 ops@h1"
UNLOCK = "fleet hosts unlock plan.yml h1 -u ops --package app --yes"
ON_TRIAL = replace(PROBE, trial=TRIAL)
TOLD = HEALTHY.patients[0].diagnosis
BROKEN_OFF = Entry(1, "begin", "stage", "r-3")
DRIFT = Drift("bin/x is modified", modified=("bin/x",))


def test_a_healthy_host_has_a_line_for_each_area() -> None:
    found = judge(HEALTHY)
    assert {finding.level for finding in found} == {Level.OK}
    assert {f.area for f in found} == set(Area) - {Area.SERVICES, Area.HISTORY}
    assert not any(finding.mend for finding in found)
    assert {f.package for f in found if f.area >= Area.LOCK} <= {"app", ""}


RULES: dict[str, tuple[Chart, Level, Area, str, str]] = {
    "never set": (
        with_facts(epoch=86400),
        P,
        Area.CLOCK,
        "nobody has set it: it says 1970-01-02T00:00:00Z",
        f'{SSH} "date -u -s @$(date +%s)"',
    ),
    "ahead": (replace(HEALTHY, skew=95.0), W, Area.CLOCK, "1m35s ahead of this machine's", SSH),
    "far behind": (replace(HEALTHY, skew=-7200.0), P, Area.CLOCK, "2h00m behind", SSH),
    "tools": (
        with_facts(missing=["setsid", "sha256sum", "mv(-T)"], os="alpine"),
        P,
        Area.TOOLS,
        "missing: setsid, sha256sum, mv(-T)",
        f"{SSH} 'apk add coreutils util-linux'",
    ),
    "little room": (
        with_disk(free_kib=400 << 10),
        W,
        Area.DISK,
        "/: 400.0 MiB of 10.0 GiB free",
        f"{SSH} 'du -xk / | sort -n | tail -n 20'",
    ),
    "no room": (with_disk(free_kib=100), P, Area.DISK, "/: 100.0 KiB of 10.0 GiB free", SSH),
    "no inodes": (with_disk(inodes_free=9), P, Area.DISK, "9 of 1000 inodes", "du -x --inodes"),
    "read-only": (
        with_disk(read_only=True, writable=False),
        P,
        Area.DISK,
        "/ is mounted read-only",
        f"{SSH} 'mount -o remount,rw /'",
    ),
    "not ours": (
        with_disk(writable=False),
        P,
        Area.DISK,
        "ops may not write in /opt (root)",
        "fleet doctor plan.yml h1 -u ops -b",
    ),
    "at work": (ill(hold=HOLD), W, Area.LOCK, "run r-2 (bob@ops) holds it since", UNLOCK),
    "left": (ill(hold=replace(HOLD, lives=False)), P, Area.LOCK, "its session is gone", UNLOCK),
    "damaged record": (
        ill(damage=("seen",)),
        P,
        Area.LOCK,
        "the record /var/lib/fleet/app/seen is damaged",
        f"{SSH} 'mv /var/lib/fleet/app/seen /var/lib/fleet/app/seen.damaged'",
    ),
    "cannot be probed": (
        with_patient(probe=None, trouble="it says no"),
        P,
        Area.LOCK,
        "cannot be probed: it says no",
        "fleet doctor plan.yml h1 -u ops",
    ),
    "trial unguarded": (
        probed(trial=replace(TRIAL, guarded=False)),
        P,
        Area.TRIAL,
        "its watchdog is dead",
        "--force",
    ),
    "stranded": (
        probed(last=Last("n", "r", OLD, NEW, "stranded", "the old release is gone")),
        P,
        Area.TRIAL,
        "none is on; the last one ended stranded: the old release is gone",
        "fleet apply plan.yml -l h1 -u ops",
    ),
    "nothing active": (
        probed(active="", previous=""),
        W,
        Area.RELEASES,
        "nothing is active",
        "fleet apply plan.yml -l h1 -u ops",
    ),
    "active is gone": (
        probed(releases=(OLD,)),
        P,
        Area.RELEASES,
        f"{NEW} is active, and was never laid down whole, or is gone",
        "fleet apply plan.yml -l h1 -u ops",
    ),
    "drift": (
        probed(drift=DRIFT),
        P,
        Area.RELEASES,
        f"{NEW} is not what was signed: bin/x is modified",
        "fleet hosts repair plan.yml -l h1 -u ops",
    ),
    "previous is gone": (
        probed(releases=(NEW,)),
        W,
        Area.RELEASES,
        f"{OLD}, which was active before, is gone or not whole",
        f"{SSH} 'rm -f /opt/fleet/app/previous'",
    ),
    "incomplete": (
        ill(incomplete=("9-ab", "9;x")),
        W,
        Area.RELEASES,
        "begun and not whole, of no use: 9-ab, 9;x",
        "rm -rf /opt/fleet/app/releases/9-ab '\"'\"'/opt/fleet/app/releases/9;x'\"'\"''",
    ),
    "service": (
        ill(services=(("app.service", "failed"), ("b.service", "active"))),
        P,
        Area.SERVICES,
        "app.service is failed",
        f"{SSH} 'systemctl restart -- app.service'",
    ),
    "service that starts": (
        ill(services=(("app.service", "activating"),)),
        W,
        Area.SERVICES,
        "app.service is activating",
        SSH,
    ),
    "broken off": (
        with_patient(history=(BROKEN_OFF,)),
        W,
        Area.HISTORY,
        "1970-01-01T00:00:01Z stage (run r-3): was broken off",
        "fleet resume r-3",
    ),
    "broken off, and services were started again": (
        with_patient(history=(BROKEN_OFF, Entry(2, "thaw", "stage", "r-3"))),
        W,
        Area.HISTORY,
        "1970-01-01T00:00:01Z stage (run r-3): was broken off",
        "fleet resume r-3",
    ),
    "not examined": (
        replace(HEALTHY, facts={}, patients=(), disks=(), trouble="it was lost"),
        P,
        Area.REACH,
        "not examined: it was lost",
        "fleet doctor plan.yml h1 -u ops",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_what_is_wrong_and_what_mends_it(name: str) -> None:
    chart, level, area, what, mend = RULES[name]
    [finding] = worst(chart)
    assert (finding.level, finding.area) == (level, area)
    assert what in finding.what
    assert mend in finding.mend


@pytest.mark.parametrize(
    ("entry", "mend"),
    [
        (
            Entry(1, "begin", "backup", "backup-2026"),
            "fleet hosts backup plan.yml -l h1 -u ops --package app",
        ),
        (Entry(1, "begin", "backup", "2026"), "fleet resume 2026"),
        (
            Entry(1, "begin", "restore", "restore-2026"),
            "fleet hosts restore plan.yml -l h1 -u ops --package app --from ID",
        ),
        (Entry(1, "begin", "repair", "repair-2026"), "fleet hosts repair plan.yml -l h1 -u ops"),
        (Entry(1, "begin", "unlock", "2026"), UNLOCK),
        (Entry(1, "begin", "watchdog", "2026"), "fleet resume 2026"),
        (
            Entry(1, "begin", "activate", "media-m1-0a"),
            "on the host, from its medium: sh install.sh --install",
        ),
    ],
)
def test_what_was_broken_off_is_asked_for_again(entry: Entry, mend: str) -> None:
    [finding] = worst(with_patient(history=(entry,)))
    assert finding.mend == mend


def test_a_trial_that_is_guarded() -> None:
    lock, trial = worst(with_patient(probe=ON_TRIAL, diagnosis=replace(TOLD, hold=HOLD)))
    assert lock.mend == f"{UNLOCK} --force"
    assert trial.what.endswith("goes back by itself in 1m30s unless confirmed")
    assert (trial.level, trial.mend) == (W, "fleet resume r-2")
    [trial] = worst(probed(trial=replace(TRIAL, remaining=-3)))
    assert (trial.level, trial.mend) == (W, "")
    [trial] = worst(probed(trial=replace(TRIAL, confirmed=True)))
    assert "is confirmed, and waits for its commit, on trial by run r-2" in trial.what
    [_, hook] = worst(probed(trial=replace(TRIAL, boot_hook="")))
    assert hook.what.endswith("no boot hook")


def test_a_lock_that_is_over_is_no_trouble() -> None:
    assert worst(ill(hold=replace(HOLD, binds=False, lives=False))) == []


def test_what_is_at_work_is_not_broken_off() -> None:
    working = ill(at_work=True, incomplete=("9-ab",))
    patient = replace(working.patients[0], history=(BROKEN_OFF,))
    assert worst(replace(working, patients=(patient,))) == []


def test_local_changes_that_the_plan_lets_stay() -> None:
    chart = replace(probed(drift=DRIFT), planned={"app": OnDrift(DriftPolicy.KEEP)})
    assert worst(chart) == []


def test_one_file_system_is_told_of_once() -> None:
    disks = HEALTHY.disks
    both = replace(HEALTHY, disks=(*disks, replace(disks[0], what="state", folder="/var/lib")))
    assert sum(finding.area is Area.DISK for finding in judge(both)) == 1


DEAD = Unreachable("cannot reach h1")


@pytest.mark.parametrize(
    ("layer", "error", "mend", "console"),
    [
        (Layer.SETTINGS, HostError("no"), "fleet doctor plan.yml h1 -u ops", False),
        (Layer.NAME, DEAD, "fleet doctor plan.yml h1 -u ops -e ansible_host=ADDRESS", False),
        (Layer.PORT, DEAD, "systemctl restart ssh", True),
        (Layer.BANNER, DEAD, "systemctl restart ssh", True),
        (Layer.HOST_KEY, HostKeyRefused("changed", mend="ssh-keygen -R h1"), "ssh-keygen", False),
        (Layer.HOST_KEY, HostKeyRefused("revoked"), "cat /etc/ssh", True),
        (Layer.LOGIN, HostError("no", mend="ssh-copy-id h1"), "ssh-copy-id h1", False),
        (Layer.BECOME, BecomeRefused("no"), "fleet doctor plan.yml h1 -u ops -K", False),
        (Layer.PROGRAM, HostError("no"), "command -v sh", True),
    ],
)
def test_each_layer_of_the_way(layer: Layer, error: HostError, mend: str, *, console: bool) -> None:
    way = replace(WAY, broken=layer, error=error)
    [finding] = worst(Chart("h1", HEALTHY.spelling, (way,)))
    assert finding.what == f"{way.address}: {layer}: {error.message}"
    assert mend in finding.mend
    assert (finding.area, finding.console) == (Area.REACH, console)
    held = [f.what for f in judge(Chart("h1", HEALTHY.spelling, (way,))) if f.level is Level.OK]
    layers = ", ".join(list(Layer)[: list(Layer).index(layer)])
    assert held == ([f"{way.address}: {layers}: ok"] if layers else [])


def test_by_the_recovery_address_its_own_sshd_is_mended() -> None:
    own = replace(WAY, broken=Layer.PORT, error=DEAD)
    spare = Way("rescue@10.9.0.1:22", recovery=True)
    first, second = worst(replace(HEALTHY, ways=(own, spare)))
    assert first.mend.startswith(f"{SSH} 'systemctl restart ssh ")
    assert "only its recovery address answers" in second.what


def test_an_address_behind_a_bastion() -> None:
    way = replace(WAY, bastion="ops@bastion:22")
    assert judge(replace(HEALTHY, ways=(way,)))[0].what == (
        "ops@10.0.0.1:22 (by way of ops@bastion:22): the host program answers"
    )
