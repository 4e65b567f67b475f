"""Releases, hooks and what is done with them, for the tests of hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session

OLD = Release(files={"bin/app": b"one"})
NEW = Release(files={"bin/app": b"two"}, version="2.0.0")

LOG = 'echo "$FLEET_HOOK" >>"$FLEET_ROOT/log"'
AROUND_STAGING = ("pre_stage", "post_stage")
FORWARD = ("pre_activate", "restart", "post_activate")
BACK = ("pre_revert", "restart", "post_revert", "cleanup")
EVERY = (*AROUND_STAGING, *FORWARD, "pre_revert", "post_revert", "cleanup")

Act = Callable[[Place, Session, dict[str, str]], Answer]


def log(place: Place) -> list[str]:
    path = place.root / "log"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def hooks(*names: str, text: str = LOG) -> dict[str, str]:
    """Return the same text for each of these hooks."""
    return dict.fromkeys(names, text)


def stage(place: Place, session: Session, texts: dict[str, str], **keys: Any) -> Answer:
    values: dict[str, Any] = {"nonce": "n1", "wave": "canary", "hook_timeout": 20}
    mine = {key: value for key, value in texts.items() if key in AROUND_STAGING}
    return place.stage(session, NEW, **values | mine | keys)


def activate(place: Place, session: Session, texts: dict[str, str], **keys: Any) -> Answer:
    mine = {key: value for key, value in texts.items() if key not in AROUND_STAGING}
    return place.activate(session, NEW, **mine | keys)


def finish(place: Place, session: Session, texts: dict[str, str]) -> Answer:
    place.confirm(session, NEW)
    return place.commit(session, NEW)


def go_back(place: Place, session: Session, texts: dict[str, str]) -> Answer:
    return place.revert(session, release_lock=1)


ENDS: dict[str, Act] = {"commit": finish, "revert": go_back}
