"""Hosts' places at gates: which are taken, and when they are to be given back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.model.event import Action, Result

A = Action

NOT_SWITCHED = frozenset({Result.DONE, Result.FAILED, Result.UNREACHABLE, Result.LOST})

IN_SERVICE: Mapping[Action, frozenset[Result]] = {
    A.WITHDRAW: NOT_SWITCHED,
    A.CONFIRM: frozenset({Result.DONE}),
    A.REVERT: frozenset({Result.DONE}),
    A.RESOLVE: frozenset({Result.IS_CONFIRMED, Result.IS_REVERTED}),
}
"""When a host needs its places before a reboot no longer, and gives them back."""

ONCE_MORE = frozenset({A.KEEP, A.COMMIT})
"""With these it is tried again to give back a place that could not be given back before."""


@dataclass
class Places:
    """What one controller knows of hosts' places; of those taken before it came, nothing.

    A place is given back once: whoever else uses the host's name at the gate, such as a client of
    its own, may have taken one since.
    """

    _taken: dict[str, bool] = field(default_factory=dict)

    def are_due(self, host: str, action: Action, result: Result) -> bool:
        """Note what came of an action, and tell whether the host gives its places back now."""
        if action is A.CHECK:  # with it all begins
            self._taken[host] = False
        elif action is A.RESERVE:  # a yes may have been lost
            self._taken[host] = True
        elif action is A.UNRESERVE:
            self._taken[host] = result is not Result.DONE
        taken = self._taken.get(host)
        if action in ONCE_MORE:
            return result is Result.DONE and taken is True
        return result in IN_SERVICE.get(action, frozenset()) and taken is not False

    def given_back(self, host: str, kept: str) -> None:
        """Note that the host gave its places back, unless something kept them from being free."""
        self._taken[host] = bool(kept)
