"""A medium's folder as an ISO 9660 image, with Rock Ridge and Joliet so that names survive."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pycdlib
from pycdlib import dates, headervd
from pycdlib import pycdlib as mastering
from pycdlib.pycdlibexception import PyCdlibException

from orchestrator.errors import FleetError, UsageError
from orchestrator.media.private import create

JOLIET = 3
LONGEST_JOLIET = 64
"""Characters of one name."""
ROCK_RIDGE = "1.09"
FILE = 0o100600
SCRIPT = 0o100700
FOLDER = 0o040700
_CLOCKED = (mastering, headervd, dates)


def expect_place(image: Path, folder: Path) -> None:
    """Raise UsageError where no image of a folder can be written."""
    place, inside = image.resolve(), folder.resolve()
    flaws = {
        "it would lie within itself": inside in (place, *place.parents),
        "that is a folder": place.is_dir(),
        f"there is no folder {place.parent}": not place.parent.is_dir(),
        f"{place.parent} cannot be written to": not os.access(place.parent, os.W_OK),
    }
    for flaw in (flaw for flaw, holds in flaws.items() if holds):
        hint = "name a file beside --output, in a folder that is there"
        raise UsageError(f"no image can be written to {image}: {flaw}", hint=hint)


def master(folder: Path, image: Path, at: float) -> None:
    """Write the image of a folder, every date in it ``at``; raises FleetError."""
    draft = image.with_name(f"{image.name}.new")
    try:
        with _standing_still(at), create(draft) as file:
            iso = pycdlib.PyCdlib()
            iso.new(interchange_level=3, vol_ident="FLEET", joliet=JOLIET, rock_ridge=ROCK_RIDGE)
            try:
                _add(iso, folder)
                iso.write_fp(file)
            finally:
                iso.close()
        draft.replace(image)
    except (OSError, PyCdlibException) as error:
        draft.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else str(error)
        hint = "make room there; or copy the folder onto a stick, which needs no image"
        raise FleetError(f"{image}: {why}", hint=hint) from None


def _add(iso: pycdlib.PyCdlib, folder: Path) -> None:
    """Add all that lies below a folder, under short names of our own beside the real ones.

    Rock Ridge has every name as it is. Joliet has no room for the longest, and keeps their ends.
    """
    short = {folder: ""}
    for number, path in enumerate(sorted(folder.rglob("*"))):
        place = f"{short[path.parent]}/{'D' if path.is_dir() else 'F'}{number:07d}"
        real = f"/{path.relative_to(folder).with_name(_joliet(path.name, number)).as_posix()}"
        if path.is_dir():
            short[path] = place
            iso.add_directory(place, rr_name=path.name, joliet_path=real, file_mode=FOLDER)
        else:
            mode = SCRIPT if path.suffix == ".sh" else FILE
            iso.add_file(
                str(path), f"{place}.;1", rr_name=path.name, joliet_path=real, file_mode=mode
            )


def _joliet(name: str, number: int) -> str:
    if len(name) <= LONGEST_JOLIET:
        return name
    prefix = f"{number:07d}-"
    return f"{prefix}{name[len(prefix) - LONGEST_JOLIET :]}"


@contextmanager
def _standing_still(at: float) -> Iterator[None]:
    """Give the library, which asks the clock and the zone by itself, one instant in UTC."""
    still = SimpleNamespace(**vars(time) | {"time": lambda: at, "localtime": _utc})
    was = [vars(module)["time"] for module in _CLOCKED]
    try:
        for module in _CLOCKED:
            vars(module)["time"] = still
        yield
    finally:
        for module, clock in zip(_CLOCKED, was, strict=True):
            vars(module)["time"] = clock


def _utc(at: float) -> time.struct_time:
    return datetime.fromtimestamp(at, UTC).utctimetuple()
