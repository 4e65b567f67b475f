"""What each tag of a repository was at first sight: its commit, and the bundle it builds to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orchestrator.bundles.sources.writing import alone, writing
from orchestrator.errors import BundleError, InputError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Pin:
    """A tag at first sight; ``digest`` is empty until it was built from ``folder``."""

    repository: str
    folder: str
    tag: str
    commit: str
    digest: str = ""
    revision: int = 1
    created: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what a pin is found by."""
        return self.repository, self.folder, self.tag


@dataclass(frozen=True, slots=True)
class Pins:
    """The pins in a file; changes are durable before they count."""

    file: Path

    def seen(self, repository: str, folder: str, tags: Mapping[str, str]) -> dict[str, Pin]:
        """Return the pins of tags (name → commit); those seen for the first time are pinned.

        Raises BundleError for a broken file, FleetError when it cannot be written.
        """
        fresh = [Pin(repository, folder, tag, commit) for tag, commit in tags.items()]
        with self._locked() as pins:
            unknown = {pin.key: pin for pin in fresh if pin.key not in pins}
            if unknown:
                pins.update(unknown)
                self._write(pins)
            return {pin.tag: pins[pin.key] for pin in fresh}

    def built(self, pin: Pin, digest: str, revision: int, created: str) -> None:
        """Pin what a tag builds to; raises BundleError if it was something else before."""
        with self._locked() as pins:
            known = pins.get(pin.key, pin)
            if known.digest and known.digest != digest:
                what = (
                    f"commit {pin.commit[:12]} built to {known.digest[:12]} before, "
                    f"and builds to {digest[:12]} now"
                )
                mend = f"if another version of fleet explains it, remove the pin from {self.file}"
                raise BundleError.at(f"{pin.repository}#{pin.tag}", what, mend)
            pins[pin.key] = replace(known, digest=digest, revision=revision, created=created)
            if pins[pin.key] != known:
                self._write(pins)

    @contextmanager
    def _locked(self) -> Iterator[dict[tuple[str, str, str], Pin]]:
        with alone(self.file.with_suffix(".lock")):
            yield self._read()

    def _read(self) -> dict[tuple[str, str, str], Pin]:
        try:
            document = json.loads(self.file.read_bytes())
            if document["format"] != FORMAT:
                raise ValueError("another version of fleet wrote it")
            pins = [Pin(**entry) for entry in document["pins"]]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise self._unreadable(str(error)) from None
        except (TypeError, KeyError, RecursionError):
            raise self._unreadable("it is not what fleet wrote") from None
        return {pin.key: pin for pin in pins}

    def _unreadable(self, why: str) -> InputError:
        mend = "put back a copy, or move it away and check each tag's commit"
        return BundleError.at(str(self.file), f"cannot be read: {why}", mend)

    def _write(self, pins: Mapping[tuple[str, str, str], Pin]) -> None:
        document = {"format": FORMAT, "pins": [asdict(pins[key]) for key in sorted(pins)]}
        fresh = self.file.with_suffix(".partial")
        with writing(self.file):
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(self.file)
