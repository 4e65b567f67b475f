"""What each action does on a host, over an open channel: one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from orchestrator.host.procedures.checking import check
from orchestrator.host.procedures.context import Context
from orchestrator.host.procedures.proving import sample, validate
from orchestrator.host.procedures.rebooting import reboot, reserve
from orchestrator.host.procedures.resolving import resolve
from orchestrator.host.procedures.staging import stage, withdraw
from orchestrator.host.procedures.switching import activate, commit, confirm, revert
from orchestrator.host.procedures.waiting import keep, renew
from orchestrator.model.event import Action
from orchestrator.ports import Outcome

Procedure = Callable[[Context], Awaitable[Outcome]]
"""Carries out one action; raises HostError, and Fenced when another controller has taken over."""

PROCEDURES: Mapping[Action, Procedure] = {
    Action.CHECK: check,
    Action.STAGE: stage,
    Action.RESERVE: reserve,
    Action.ACTIVATE: activate,
    Action.REBOOT: reboot,
    Action.VALIDATE: validate,
    Action.CONFIRM: confirm,
    Action.RENEW: renew,
    Action.KEEP: keep,
    Action.COMMIT: commit,
    Action.REVERT: revert,
    Action.WITHDRAW: withdraw,
    Action.RESOLVE: resolve,
    Action.SAMPLE: sample,
}
