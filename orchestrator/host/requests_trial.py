"""The requests that end a trial, and that let it go on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.host.drift import Changes
from orchestrator.host.quoting import whole_seconds
from orchestrator.host.requests import NOTHING, Claim, Place, by, given, line, of, told
from orchestrator.model.keeping import BackupRetention, Retention


def confirm(
    place: Place,
    claim: Claim,
    *,
    release: str,
    manifest: str,
    nonce: str,
    hold: float = 0.0,
    changes: Changes = NOTHING,
) -> str:
    """Say that the release is proved, which ends its trial, or prolongs it by ``hold`` seconds."""
    values = {"release": release, "manifest": manifest, "nonce": nonce}
    held: dict[str, object] = {"hold": whole_seconds(hold)} if hold else {}
    return line("confirm", of(place), by(claim), values, held, told(changes))


def renew(place: Place, claim: Claim, *, nonce: str, seconds: float) -> str:
    """Let the trial end so many seconds from now, as far as its ceiling lets it."""
    return line("renew", of(place), by(claim), {"nonce": nonce, "seconds": whole_seconds(seconds)})


def reboot(
    place: Place, claim: Claim, *, nonce: str, command: str = "", unguarded: bool = False
) -> str:
    """Reboot the host on trial; ``unguarded`` also where nothing starts its watchdog after that."""
    rest = given(command=command, unguarded="1" if unguarded else "")
    return line("reboot", of(place), by(claim), {"nonce": nonce}, rest)


def commit(
    place: Place,
    claim: Claim,
    *,
    release: str,
    manifest: str,
    nonce: str,
    keep: Retention,
    backups: BackupRetention,
    factory: str = "",
    live: bool = False,
) -> str:
    """Make a confirmed release final, and let go of old ones, of old backups and of the lock.

    The release of the version ``factory`` is pinned on the host, and never let go of.
    """
    values = {"release": release, "manifest": manifest, "nonce": nonce}
    rest = given(factory=factory, live="1" if live else "")
    return line("commit", of(place), by(claim), values, _limits(keep, backups), rest)


def revert(
    place: Place,
    claim: Claim,
    *,
    nonce: str,
    why: str,
    restart: str = "",
    left_to: Sequence[Place] = (),
    live: bool = False,
) -> str:
    """Go back to what was active before this trial, and let go of the lock.

    ``restart`` takes the place of what ``activate`` was given, as long as those that the other
    services are ``left_to`` have yet to go back themselves.
    """
    values = {"nonce": nonce, "why": why, "release_lock": 1}
    left = given(restart=restart, left_to="\n".join(place.records for place in left_to))
    return line("revert", of(place), by(claim), values, left, given(live="1" if live else ""))


def withdraw(place: Place, claim: Claim, *, release: str) -> str:
    """Let go of a staged release and of the lock."""
    return line("withdraw", of(place), by(claim), {"release": release})


def _limits(keep: Retention, backups: BackupRetention) -> dict[str, object]:
    limits = {"keep_age": math.ceil(keep.age), "keep_free_kib": -(-keep.free // 1024)}
    given = {key: value for key, value in limits.items() if value}
    kept = {"backups": backups.keep, "backups_age": math.ceil(backups.age)}
    return {"keep": keep.releases, **given, **kept}
