"""Pre-checks and validations: built, run on the host, and asked again while they say not yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.host import requests
from orchestrator.host.procedures.context import Asking, Context
from orchestrator.host.rendering import Renderer
from orchestrator.host.replies import Status, status, tail
from orchestrator.host.work import PackageWork
from orchestrator.model.event import Result
from orchestrator.model.plan import Use
from orchestrator.ports import HostCheck, Outcome, Reply

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
"""Seconds before a check that said not yet is asked again; doubled from the first on."""

WORST_FIRST = (
    (Status.NO, Result.FAILED),
    (Status.FAILED, Result.FAILED),
    (Status.ERROR, Result.FAILED),
    (Status.NOT_YET, Result.FAILED),
    (Status.UNKNOWN, Result.INCONCLUSIVE),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A check as it is put to the host; ``label`` names it for people."""

    label: str
    line: str
    timeout: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A question and what the host said last."""

    question: Question
    reply: Reply

    @property
    def status(self) -> Status:
        """Return the status word."""
        return status(self.reply)


def pre_check(ctx: Asking, renderer: Renderer, work: PackageWork, use: Use) -> Question:
    """Return a pre-check as a question; it runs where nothing of the release is there yet."""
    return _question(ctx, renderer, work, use, "pre-check", "")


def need(ctx: Asking, renderer: Renderer, work: PackageWork, check: HostCheck) -> Question:
    """Return what a release needs of its host as a question; it runs where pre-checks do."""
    return _put(ctx, renderer, work, check, "needs", f"needs of {work.name}", "")


def validation(ctx: Asking, renderer: Renderer, work: PackageWork, use: Use) -> Question:
    """Return a validation as a question; it runs in the release's folder."""
    folder = renderer.place(work).release_path(work.release)
    return _question(ctx, renderer, work, use, "validation", folder)


def validations(ctx: Asking) -> list[Question]:
    """Return the validations of all packages of the host; the facts must be known."""
    renderer = ctx.renderer
    return [
        validation(ctx, renderer, work, use)
        for work in ctx.assignment.packages
        for use in work.package.validations
    ]


def seconds(questions: Iterable[Question]) -> float:
    """Return how long all the questions may take together."""
    return sum(question.timeout for question in questions)


async def put(ctx: Context, questions: Sequence[Question]) -> list[Answer]:
    """Put the questions in one round trip."""
    if not questions:
        return []
    replies = await ctx.ask([q.line for q in questions], extra=seconds(questions))
    return answers(questions, replies)


def answers(questions: Sequence[Question], replies: Sequence[Reply]) -> list[Answer]:
    """Pair questions with their replies."""
    return [Answer(q, reply) for q, reply in zip(questions, replies, strict=True)]


async def settle(ctx: Context, found: list[Answer]) -> Outcome | None:
    """Ask those again that say not yet, until the time is up; return what is wrong, if anything."""
    pause = FIRST_PAUSE
    while _only_waits(found) and ctx.remaining() > pause:
        await ctx.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
        again = await put(ctx, [a.question for a in found if a.status is Status.NOT_YET])
        found = [a for a in found if a.status is not Status.NOT_YET] + again
    return _verdict(found)


def _only_waits(found: Sequence[Answer]) -> bool:
    return {a.status for a in found} - {Status.OK} == {Status.NOT_YET}


def _verdict(found: Sequence[Answer]) -> Outcome | None:
    for bad, result in WORST_FIRST:
        for answer in found:
            if answer.status is bad:
                return Outcome(result, _reason(answer), tail(answer.reply))
    return None


def _reason(answer: Answer) -> str:
    why = answer.reply.reason or f"answered {answer.status}"
    late = "still not ready: " if answer.status is Status.NOT_YET else ""
    return f"{answer.question.label}: {late}{why}"


def _question(
    ctx: Asking, renderer: Renderer, work: PackageWork, use: Use, kind: str, folder: str
) -> Question:
    check = ctx.build_check(use, renderer.variables(work))
    label = f"{kind} {use.name} of {work.name}"
    return _put(ctx, renderer, work, check, use.name, label, folder)


def _put(
    ctx: Asking,
    renderer: Renderer,
    work: PackageWork,
    check: HostCheck,
    name: str,
    label: str,
    folder: str,
) -> Question:
    timeout = max(1.0, min(check.timeout, ctx.remaining()))
    env = renderer.check_environment(work)
    line = requests.check(
        name, check.script(), timeout=timeout, env=env, folder=folder, live=ctx.live
    )
    return Question(label, line, timeout)
