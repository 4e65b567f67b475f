"""What each action does on a host, over an open channel: one table."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.host.procedures.checking import check
from orchestrator.host.procedures.context import Procedure
from orchestrator.host.procedures.proving import sample, validate
from orchestrator.host.procedures.rebooting import reboot, reserve, unreserve
from orchestrator.host.procedures.resolving import resolve
from orchestrator.host.procedures.staging import stage, withdraw
from orchestrator.host.procedures.switching import activate, commit, confirm, revert
from orchestrator.host.procedures.waiting import in_its_words, keep, renew
from orchestrator.model.event import Action

PROCEDURES: Mapping[Action, Procedure] = {
    Action.CHECK: check,
    Action.STAGE: stage,
    Action.RESERVE: reserve,
    Action.UNRESERVE: unreserve,
    Action.ACTIVATE: activate,
    Action.REBOOT: reboot,
    Action.VALIDATE: validate,
    Action.CONFIRM: confirm,
    Action.RENEW: in_its_words(renew),
    Action.KEEP: in_its_words(keep),
    Action.COMMIT: in_its_words(commit),
    Action.REVERT: revert,
    Action.WITHDRAW: withdraw,
    Action.RESOLVE: resolve,
    Action.SAMPLE: sample,
}
