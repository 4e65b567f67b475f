"""How a payload is sent to a host."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model.transfer import Base, Means


@dataclass(frozen=True, slots=True)
class Delivery:
    """On which terms a payload of ``size`` bytes is sent, from byte ``offset`` on.

    With ``sha256``, its own, it is spooled, for which ``spool_kib`` of room are needed. A patch
    names its ``base``, the lengths of its ``heads``, and the ``script`` that undoes it, if any.
    """

    means: Means
    size: int
    sha256: str = ""
    offset: int = 0
    spool_kib: int = 0
    base: Base | None = None
    heads: tuple[int, int, int] = (0, 0, 0)
    script: str = ""

    @property
    def keys(self) -> dict[str, object]:
        """Return the keys of a request; those of small full content are few."""
        keys: dict[str, object] = {"means": self.means, "bytes": self.size - self.offset}
        if self.sha256:
            keys |= {"sha256": self.sha256, "offset": self.offset, "spool_kib": self.spool_kib}
        if base := self.base:
            keys |= {"base": base.release, "picks": base.picks, "base_sha256": base.sha256}
            keys["heads"] = " ".join(map(str, self.heads))
        return keys | ({"script": self.script} if self.script else {})
