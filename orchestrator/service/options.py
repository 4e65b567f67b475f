"""What the command line adds to a plan; journalled with the run, so never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from orchestrator.errors import JournalError
from orchestrator.planning.policy import Given

LISTS = ("inventory", "packages", "leaving")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Flags that shape a run; paths are absolute, so that it can be resumed from anywhere.

    ``forks`` replaces the plan's ``max_parallel``. Passwords are not here: they are asked for
    again when a run is resumed. ``locked`` says that the releases were those of the plan's lock.
    ``factory`` has, by package, the golden versions that hosts are taken back to.
    ``agreed`` tells people, by package, to what change of version who agreed, and how.

    A run that takes ``packages`` back has a ``back_to``, as the operator wrote it; ``leaving`` are
    the releases that hosts had when it began.
    """

    inventory: tuple[str, ...] = ()
    limit: str | None = None
    extra_vars: Mapping[str, object] = field(default_factory=dict)
    forks: int | None = None
    user: str | None = None
    private_key: str | None = None
    become: bool = False
    become_method: str = "sudo"
    become_user: str = "root"
    accept_new: bool = False
    trust: str | None = None
    locked: bool = False
    yes: bool = False
    approved: Mapping[str, str] = field(default_factory=dict)
    agreed: Mapping[str, str] = field(default_factory=dict)
    factory: Mapping[str, str] = field(default_factory=dict)
    back_to: str = ""
    packages: tuple[str, ...] = ()
    preserve_data: bool = False
    backup_current: bool = True
    restore_data: bool = False
    leaving: tuple[str, ...] = ()

    @property
    def given(self) -> Given:
        """Return what the operator agreed to."""
        return Given(self.yes, self.approved)

    @property
    def goes_back(self) -> bool:
        """Return whether hosts are brought to what they had, known from them and earlier runs."""
        return bool(self.back_to or self.factory)

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready values."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in LISTS}}

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> RunOptions:
        """Return the options that ``to_dict`` gave; raises JournalError for other values."""
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in document.items() if name in known}
        lists = {name: values.get(name, []) for name in LISTS}
        if not all(isinstance(value, list) for value in lists.values()):
            raise JournalError("the run's options cannot be read", hint="start a new run")
        tuples = {name: tuple(value) for name, value in lists.items() if isinstance(value, list)}
        return cls(**{**values, **tuples})  # type: ignore[arg-type]
