from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import HostError
from orchestrator.host import requests, requests_data, requests_trial
from orchestrator.host.delivery import Delivery
from orchestrator.host.drift import Changes
from orchestrator.host.quoting import exports, quote
from orchestrator.host.requests import Claim, Place, StepText, Texts
from orchestrator.host.requests_data import DataSet
from orchestrator.host.trial import Terms
from orchestrator.model.keeping import BackupRetention, Retention
from orchestrator.model.transfer import Means
from orchestrator.model.trial import RebootWhen

TERMS = Terms(180.0, 600.0, 3, RebootWhen.ALWAYS, "cron", needs_hook=True)
PLACE = Place("gateway", "/opt/fleet", "/var/lib/fleet")
CLAIM = Claim("run-1", "ops box", 7, 3600)
AT = "package=gateway root=/opt/fleet state=/var/lib/fleet"
BY = "run=run-1 owner='ops box' token=7 lock_ttl=3600"
RELEASE = "2.4.0-0123456789ab"
DIGEST = "0123456789ab"
NO_BACKUPS = "backups=0 backups_age=0"
OF = f"release={RELEASE} manifest={DIGEST}"

DATA = DataSet(("/srv/a b", "/x"), freeze="stop", hook_timeout=5, backups=BackupRetention(2, 9.5))
AT_REST = "paths='/srv/a b'\"$NL\"'/x' hook_timeout=5 freeze=stop"

LINES = [
    (requests_data.backups(PLACE), f"backups {AT}"),
    (requests_data.fetch(PLACE, "12-x"), f"fetch {AT} backup=12-x"),
    (
        requests_data.backup(PLACE, CLAIM, data=DATA),
        f"backup {AT} {BY} {AT_REST} release_lock=1 backups=2 backups_age=10",
    ),
    (
        requests_data.backup(PLACE, CLAIM, data=DATA, let_go=False),
        f"backup {AT} {BY} {AT_REST} backups=2 backups_age=10",
    ),
    (
        requests_data.restore(PLACE, CLAIM, backup="12-x", data=DATA),
        f"restore {AT} {BY} backup=12-x {AT_REST} release_lock=1",
    ),
    (requests.facts(), "facts"),
    (requests.ping(), "ping"),
    (requests.probe(PLACE, RELEASE, DIGEST), f"probe {AT} {OF}"),
    (requests.verify(PLACE), f"verify {AT}"),
    (requests.verify(PLACE, RELEASE, DIGEST), f"verify {AT} {OF}"),
    (requests.history(PLACE, 20), f"history {AT} lines=20"),
    (
        requests.check("memory", "a\nb", timeout=0.2),
        "check name=memory script='a'\"$NL\"'b' timeout=1",
    ),
    (
        requests.check("x", "true", timeout=9.1, env="export A=1\n", folder="/a b", live=True),
        "check name=x script=true timeout=10 env='export A=1'\"$NL\"'' live=1 in='/a b'",
    ),
    (
        requests.stage(
            PLACE,
            CLAIM,
            release=RELEASE,
            manifest=DIGEST,
            delivery=Delivery(Means.GZIP, 512),
            signers="ci ssh-ed25519 AAAA\n",
            identities=("ci", "-", "ops"),
            need_kib=2048,
        ),
        (
            f"stage {AT} {BY} {OF} need_kib=2048 means=gzip bytes=512"
            " signers='ci ssh-ed25519 AAAA'\"$NL\"''"
            " identities='ci - ops'"
        ),
    ),
    (
        requests.stage(
            PLACE,
            CLAIM,
            release=RELEASE,
            manifest=DIGEST,
            delivery=Delivery(Means.GZIP, 512),
            signers="s",
            identities=("ci",),
            need_kib=1,
            nonce="n1",
            wave="canary",
            texts=Texts(post_stage="warm up", restart="r", env="e", hook_timeout=9),
            live=True,
        ),
        (
            f"stage {AT} {BY} {OF} need_kib=1 means=gzip bytes=512 signers=s identities=ci"
            " nonce=n1 wave=canary hook_timeout=9 post_stage='warm up' env=e live=1"
        ),
    ),
    (
        requests.activate(
            PLACE,
            CLAIM,
            release=RELEASE,
            manifest=DIGEST,
            nonce="n1",
            terms=TERMS,
            wave="canary/2",
            texts=Texts(),
            signers="s",
            identities=("ci", "-", "ops"),
        ),
        (
            f"activate {AT} {BY} {OF} nonce=n1 deadline=180 ceiling=600 boots=3 boot_timeout=120"
            " boot_hook=cron reboot=always need_hook=1 wave=canary/2 signers=s"
            " identities='ci - ops'"
            " hook_timeout=120"
        ),
    ),
    (
        requests.activate(
            PLACE,
            CLAIM,
            release=RELEASE,
            manifest=DIGEST,
            nonce="n1",
            terms=TERMS,
            wave="canary",
            texts=Texts(
                restart="r",
                restart_back="q",
                pre_activate="a",
                post_activate="b",
                pre_revert="c",
                post_revert="d",
                cleanup="f",
                hook_timeout=9,
                env="e",
                steps=(StepText("one", "up 1"), StepText("two", "up", "down")),
            ),
            signers="s",
            identities=("ci", "-", "ops"),
            live=True,
        ),
        (
            f"activate {AT} {BY} {OF} nonce=n1 deadline=180 ceiling=600 boots=3 boot_timeout=120"
            " boot_hook=cron reboot=always need_hook=1 wave=canary signers=s"
            " identities='ci - ops'"
            " hook_timeout=9 restart=r restart_back=q pre_activate=a post_activate=b"
            " pre_revert=c post_revert=d cleanup=f env=e"
            " steps='one two' step_up_1='up 1' step_up_2=up step_down_2=down live=1"
        ),
    ),
    (
        requests_trial.confirm(PLACE, CLAIM, release=RELEASE, manifest=DIGEST, nonce="n1"),
        f"confirm {AT} {BY} {OF} nonce=n1",
    ),
    (
        requests.repair(
            PLACE,
            CLAIM,
            release=RELEASE,
            manifest=DIGEST,
            size=9,
            signers="s",
            identities=("ci",),
            changes=Changes(keep=("a b", "100%\n"), overwrite=("c",), overwrite_all=True),
        ),
        (
            f"repair {AT} {BY} {OF} bytes=9 signers=s identities=ci "
            "keep_paths='a b'\"$NL\"'100%25%0A' overwrite_paths=c overwrite_all=1"
        ),
    ),
    (requests.probe(PLACE, RELEASE, DIGEST, glance=True), f"probe {AT} {OF} glance=1"),
    (requests.verify(PLACE, within=1.5), f"verify {AT} within=2"),
    (
        requests_trial.commit(
            PLACE,
            CLAIM,
            release=RELEASE,
            manifest=DIGEST,
            nonce="n1",
            keep=Retention(4, age=60.5, free=1025),
            backups=BackupRetention(0, age=0),
            live=True,
        ),
        f"commit {AT} {BY} {OF} nonce=n1 keep=4 keep_age=61 keep_free_kib=2 {NO_BACKUPS} live=1",
    ),
    (
        requests_trial.revert(PLACE, CLAIM, nonce="n1", why="it's bad"),
        f"revert {AT} {BY} nonce=n1 why='it'\\''s bad' release_lock=1",
    ),
    (
        requests_trial.revert(
            PLACE,
            CLAIM,
            nonce="n1",
            why="bad",
            restart="r",
            left_to=[PLACE, Place("db", "/r", "/s t")],
            live=True,
        ),
        (
            f"revert {AT} {BY} nonce=n1 why=bad release_lock=1 restart=r"
            " left_to='/var/lib/fleet/gateway'\"$NL\"'/s t/db' live=1"
        ),
    ),
    (
        requests_trial.withdraw(PLACE, CLAIM, release=RELEASE),
        f"withdraw {AT} {BY} release={RELEASE}",
    ),
    (
        requests_trial.renew(PLACE, CLAIM, nonce="n1", seconds=60.2),
        f"renew {AT} {BY} nonce=n1 seconds=61",
    ),
    (
        requests_trial.reboot(PLACE, CLAIM, nonce="n1", command="reboot -f", unguarded=True),
        f"reboot {AT} {BY} nonce=n1 command='reboot -f' unguarded=1",
    ),
]


@pytest.mark.parametrize(("built", "line"), LINES, ids=[line.split()[0] for _, line in LINES])
def test_the_exact_text(built: str, line: str) -> None:
    assert built == line


def test_release_path() -> None:
    assert PLACE.release_path(RELEASE) == f"/opt/fleet/gateway/releases/{RELEASE}"


@pytest.mark.parametrize("bad", ["a\0b", "\udc80"])
def test_what_no_shell_can_take_is_refused(bad: str) -> None:
    with pytest.raises(HostError, match="NUL or bytes"):
        quote(bad)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"))))
def test_sh_reads_back_what_was_quoted(values: list[str]) -> None:
    line = " ".join(f"k={quote(value)}" for value in values)
    assert "\n" not in line
    script = (
        'NL=\'\n\'\nIFS= read -r request; eval "set -- $request"; [ $# = 0 ] || printf "%s\\0" "$@"'
    )
    done = subprocess.run(
        ["sh", "-c", script], input=f"{line}\n".encode(), capture_output=True, check=True
    )
    assert done.stdout == "".join(f"k={value}\0" for value in values).encode()


def test_exports() -> None:
    assert exports({"A": "plain", "B_2": "it's\ntwo"}) == (
        "export A=plain\nexport B_2='it'\"'\"'s\ntwo'\n"
    )
    with pytest.raises(HostError, match="'1A' cannot be the name"):
        exports({"1A": "x"})
