"""How actions are carried out on a host: for how long, how often, and by which way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.model.event import Action
from orchestrator.model.plan import Timeouts

A = Action

BEGUN_WHEN_CUT = frozenset(
    {A.ACTIVATE, A.REBOOT, A.VALIDATE, A.CONFIRM, A.RENEW, A.KEEP, A.COMMIT, A.REVERT}
)
"""Cut off in the middle of these, a host's state is not known."""

PATIENT = frozenset({A.RESOLVE, A.REVERT, A.COMMIT})
"""For these a silent host is called again and again, until ``timeouts.silent``."""

REFUSAL_FAILS = frozenset({A.CHECK, A.STAGE, A.VALIDATE, A.CONFIRM})
"""In these a host that will not let us in has failed; in the others nothing was begun."""

BY_DETOUR = frozenset({A.CHECK, A.RESOLVE, A.REVERT})
"""What may be done by a host's recovery address, when its own is dead."""

AT_GATES = frozenset({A.RESERVE, A.UNRESERVE})
"""These ask gates; the host itself only where it must be."""

BROUGHT = frozenset({A.STAGE, *AT_GATES, A.ACTIVATE, A.REBOOT, A.WITHDRAW})
"""What besides may be done so where ``HostPolicy.by_recovery`` says it."""

PROVES_ITSELF = frozenset({A.ACTIVATE, A.REBOOT, A.VALIDATE, A.CONFIRM})
"""In these a host that answers by its recovery address alone has said no.

A host that was brought its release that way has the action's time to answer by its own again.
"""

BUDGETS: Mapping[Action, Callable[[Timeouts], float]] = {
    A.CHECK: lambda t: t.check,
    A.STAGE: lambda t: t.stage,
    A.RESERVE: lambda t: t.check,
    A.UNRESERVE: lambda t: t.check,
    A.ACTIVATE: lambda t: t.activate,
    A.REBOOT: lambda t: t.check,
    A.VALIDATE: lambda t: t.validate,
    A.CONFIRM: lambda t: t.confirm,
    A.RENEW: lambda t: t.check,
    A.KEEP: lambda t: t.check,
    A.COMMIT: lambda t: t.activate,
    A.REVERT: lambda t: t.revert,
    A.WITHDRAW: lambda t: t.check,
    A.RESOLVE: lambda t: t.check,
    A.SAMPLE: lambda t: t.check + t.validate,
}
"""How long each action may work on a host, in seconds."""
