"""The lines that are sent to the host program: pure builders, quoted once, nothing run here.

What each request means, and what comes back, is said in docs/host-protocol.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.host.alarms import NONE, Alarms
from orchestrator.host.delivery import Delivery
from orchestrator.host.drift import Changes
from orchestrator.host.quoting import quote, whole_seconds, written
from orchestrator.host.trial import Terms

NOTHING = Changes()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a package lives on one host: absolute ``root`` and ``state`` folders."""

    package: str
    root: str
    state: str

    @property
    def records(self) -> str:
        """Return the folder of what the host knows of the package."""
        return f"{self.state}/{self.package}"

    def release_path(self, release: str) -> str:
        """Return the folder of a release on the host."""
        return f"{self.root}/{self.package}/releases/{release}"


@dataclass(frozen=True, slots=True)
class Claim:
    """On whose behalf a changing operation acts; ``lock_ttl`` is in seconds.

    ``token`` is the fencing token that the host handed out, 0 to ask for one.
    """

    run: str
    owner: str
    token: int
    lock_ttl: float


@dataclass(frozen=True, slots=True)
class StepText:
    """A step as the host runs it: its ledger name, and what does and undoes it."""

    name: str
    up: str
    down: str = ""


@dataclass(frozen=True, slots=True)
class Texts:
    """Shell text that goes with staging and with a flip, forward and back; empty means none.

    ``restart`` does the services after the flip, ``restart_back`` after the way back
    unless the same will do.
    """

    pre_stage: str = ""
    post_stage: str = ""
    restart: str = ""
    restart_back: str = ""
    pre_activate: str = ""
    post_activate: str = ""
    pre_revert: str = ""
    post_revert: str = ""
    cleanup: str = ""
    hook_timeout: float = 120.0
    env: str = ""
    steps: tuple[StepText, ...] = ()
    back: bool = False
    """The steps are not done: those of them that were done since the release are undone."""
    settled: tuple[str, ...] = ()
    """Steps that count as undone then, without more."""


NO_TEXTS = Texts()


def facts() -> str:
    """Ask what machine this is."""
    return "facts"


def ping() -> str:
    """Ask whether anyone is there."""
    return "ping"


def probe(place: Place, release: str, manifest: str, *, glance: bool = False) -> str:
    """Ask where a package stands, whether ``release`` is active and proved, and what has drifted.

    A ``glance`` hashes nothing where another release is active.
    """
    values = {"release": release, "manifest": manifest}
    return line("probe", of(place), values, given(glance="1" if glance else ""))


def verify(
    place: Place, release: str = "", manifest: str = "", *, within: float | None = None
) -> str:
    """Ask which files differ from a release; by default the active one.

    With ``within``, only the bytes of files that changed in the last so many seconds are hashed.
    """
    since = "" if within is None else str(whole_seconds(within))
    return line("verify", of(place), given(release=release, manifest=manifest, within=since))


def recall(place: Place, release: str, manifest: str, paths: Sequence[str] = ()) -> str:
    """Ask whether a release could come back, and which steps were done since it was active.

    With ``paths`` also for the newest backup of them that was made while it was.
    """
    values = {"release": release, "manifest": manifest}
    return line("recall", of(place), values, given(paths="\n".join(paths)))


def history(place: Place, lines: int) -> str:
    """Ask for the last lines of what was done to a package."""
    return line("history", of(place), {"lines": lines})


def enrol(
    state: str,
    *,
    file: str = "",
    signatures: str = "",
    old_identities: tuple[str, ...] = (),
    identities: tuple[str, ...] = (),
    owner: str = "",
) -> str:
    """Ask which trust file is pinned below the folder ``state``, or pin ``file``, its text.

    ``identities`` are those who made the signatures, by the new file and by the one pinned now.
    """
    values = given(
        text=file,
        signatures=signatures,
        old_identities=" ".join(old_identities),
        identities=" ".join(identities),
        owner=owner,
    )
    return line("enrol", {"state": state}, values)


def check(
    name: str, script: str, *, timeout: float, env: str = "", folder: str = "", live: bool = False
) -> str:
    """Run one try of a check, for at most ``timeout`` seconds."""
    values = {"name": name, "script": script, "timeout": whole_seconds(timeout)}
    return line("check", values, given(env=env, live="1" if live else "", **{"in": folder}))


def stage(
    place: Place,
    claim: Claim,
    *,
    release: str,
    manifest: str,
    delivery: Delivery,
    signers: str,
    identities: tuple[str, ...],
    need_kib: int,
    allow_downgrade: bool = False,
    changes: Changes = NOTHING,
    nonce: str = "",
    wave: str = "",
    texts: Texts = NO_TEXTS,
    live: bool = False,
) -> str:
    """Lay a release down from the bytes of the delivery that follow the line.

    ``nonce`` is that of the trial to come; it tells the hooks around staging of one run apart.
    """
    values = {"release": release, "manifest": manifest, "need_kib": need_kib}
    rest = _signed(signers, identities) | given(allow_downgrade="1" if allow_downgrade else "")
    hooks = _around(texts, nonce, wave, live=live)
    return line("stage", of(place), by(claim), values, delivery.keys, rest | told(changes), hooks)


def activate(
    place: Place,
    claim: Claim,
    *,
    release: str,
    manifest: str,
    nonce: str,
    terms: Terms,
    wave: str,
    texts: Texts,
    alarms: Alarms = NONE,
    signers: str,
    identities: tuple[str, ...],
    allow_downgrade: bool = False,
    changes: Changes = NOTHING,
    regain: Mapping[str, object] | None = None,
    live: bool = False,
) -> str:
    """Arm the trial and flip to a staged release; ``regain`` is of requests_data."""
    values = {"release": release, "manifest": manifest, "nonce": nonce}
    trial = {**terms.keys(), "wave": wave, **_signed(signers, identities)}
    words = given(allow_downgrade="1" if allow_downgrade else "", live="1" if live else "")
    rest = words | told(changes)
    alongside = _spelled(texts) | alarms.keys()
    return line("activate", of(place), by(claim), values, trial, alongside, rest, regain or {})


def repair(
    place: Place,
    claim: Claim,
    *,
    release: str,
    manifest: str,
    size: int,
    signers: str,
    identities: tuple[str, ...],
    changes: Changes = NOTHING,
) -> str:
    """Put damaged files of the active release back from the payload that follows the line."""
    values = {"release": release, "manifest": manifest, "bytes": size}
    signed = _signed(signers, identities)
    return line("repair", of(place), by(claim), values, signed, told(changes))


def of(place: Place) -> dict[str, str]:
    """Return the keys that say which package is meant."""
    return {"package": place.package, "root": place.root, "state": place.state}


def by(claim: Claim) -> dict[str, object]:
    """Return the keys that say who acts."""
    ttl = whole_seconds(claim.lock_ttl)
    return {"run": claim.run, "owner": claim.owner, "token": claim.token, "lock_ttl": ttl}


def _signed(signers: str, identities: tuple[str, ...]) -> dict[str, str]:
    return {"signers": signers, "identities": " ".join(identities)}


def _spelled(texts: Texts) -> dict[str, object]:
    hooks = given(
        restart=texts.restart,
        restart_back=texts.restart_back,
        pre_activate=texts.pre_activate,
        post_activate=texts.post_activate,
        pre_revert=texts.pre_revert,
        post_revert=texts.post_revert,
        cleanup=texts.cleanup,
        env=texts.env,
        steps=" ".join(step.name for step in texts.steps),
        back="1" if texts.back else "",
        settled=" ".join(texts.settled),
    )
    numbered = enumerate(texts.steps, start=1)
    parts = [given(**{f"step_up_{n}": s.up, f"step_down_{n}": s.down}) for n, s in numbered]
    whole: dict[str, object] = {"hook_timeout": whole_seconds(texts.hook_timeout), **hooks}
    for part in parts:
        whole.update(part)
    return whole


def _around(texts: Texts, nonce: str, wave: str, *, live: bool) -> dict[str, object]:
    """Return the keys of the hooks around staging; none where there are no hooks."""
    hooks = given(pre_stage=texts.pre_stage, post_stage=texts.post_stage)
    if not hooks:
        return {}
    timeout = {"hook_timeout": whole_seconds(texts.hook_timeout)}
    words = given(env=texts.env, live="1" if live else "")
    return {"nonce": nonce, "wave": wave, **timeout, **hooks, **words}


def told(changes: Changes) -> dict[str, str]:
    """Return which local changes may stay, and which may go."""
    return given(
        keep_paths="\n".join(map(written, changes.keep)),
        overwrite_paths="\n".join(map(written, changes.overwrite)),
        keep_all="1" if changes.keep_all else "",
        overwrite_all="1" if changes.overwrite_all else "",
    )


def given(**values: str) -> dict[str, str]:
    """Return those of some keys that have a value."""
    return {key: value for key, value in values.items() if value}


def line(operation: str, *groups: Mapping[str, object]) -> str:
    """Return a request's line."""
    words = [f"{key}={quote(str(value))}" for group in groups for key, value in group.items()]
    return " ".join([operation, *words])
