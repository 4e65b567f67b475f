"""Pinning a trust file on every host of a plan, without a run."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import HostError, InputError
from orchestrator.host.procedures.enrolling import Enrolled, Judge, enrol
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Package, Plan
from orchestrator.ports import Channel, Connector
from orchestrator.service.prepare import Selected
from orchestrator.service.surveying import Found, place, visit


async def enrol_all(
    plan: Plan,
    chosen: Selected,
    connector: Connector,
    *,
    file: str,
    signatures: str,
    judge: Judge,
    owner: str,
) -> Found[Enrolled]:
    """Enrol each host once for every state folder that its packages have."""

    async def one(
        channel: Channel, host: Host, packages: Sequence[Package]
    ) -> list[Enrolled | HostError]:
        folders = [place(host, package).state for package in packages]
        answers = {state: await pin(channel, state) for state in dict.fromkeys(folders)}
        return [answers[state] for state in folders]

    async def pin(channel: Channel, state: str) -> Enrolled:
        try:
            return await enrol(
                channel,
                state,
                file=file,
                signatures=signatures,
                judge=judge,
                owner=owner,
                deadline=plan.rollout.timeouts.check,
            )
        except InputError as error:
            raise HostError(error.message) from None

    return await visit(plan, chosen, connector, one)
