"""Data, its writer and its backups, for the tests of what is done with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session

APP = Release(files={"bin/app": b"one"})
OWNER_ONLY = 0o600


def data_of(place: Place) -> Path:
    """Return a folder of data with all that may be in one."""
    folder = place.home / "shared/db"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "table").write_bytes(b"rows\n" * 1000)
    (folder / "deep/secret").write_bytes(b"s")
    (folder / "deep/secret").chmod(0o640)
    (folder / "deep/er").chmod(0o750)
    (folder / " a b'\n").write_bytes(b"odd")
    (folder / "link").symlink_to("deep/secret")
    (folder / "deep/up").symlink_to("../table")
    os.link(folder / "table", folder / "twin")
    return folder


def tree(folder: Path) -> dict[str, Any]:
    """Return what a folder holds: modes, bytes, targets."""
    found: dict[str, Any] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            mode = path.stat().st_mode & 0o7777
            found[name] = mode if path.is_dir() else (mode, path.read_bytes())
    return found


def services(place: Place) -> dict[str, Any]:
    """Return texts that stop and start a service, whose state is in the file ``service``."""
    mark = place.home / "service"
    return {"freeze": f"echo stopped >{mark}", "thaw": f"echo runs >{mark}"}


def keys(place: Place, *paths: Path, **more: Any) -> dict[str, Any]:
    lines = "\n".join(str(path) for path in paths or (place.home / "shared/db",))
    return {"paths": lines, "release_lock": 1, **more}


def backup(place: Place, session: Session, *paths: Path, **more: Any) -> Answer:
    answer = place.do(session, "backup", **keys(place, *paths, **more))
    place.token = 0
    return answer


def restore(place: Place, session: Session, name: str, *paths: Path, **more: Any) -> Answer:
    answer = place.do(
        session, "restore", more.pop("payload", b""), backup=name, **keys(place, *paths, **more)
    )
    place.token = 0
    return answer


def archives(place: Place) -> Path:
    return place.records / "backups/data"


def left(place: Place) -> list[str]:
    """Return what lies among the backups and beside the data that should not."""
    here = [path.name for path in archives(place).glob("*") if path.suffix in (".part", ".new")]
    return here + [str(path) for path in place.home.glob("shared/.*.fleet/new")]
