from __future__ import annotations

import pytest

from orchestrator.errors import (
    BecomeRefused,
    Fenced,
    HostError,
    HostKeyRefused,
    LoginRefused,
    Unreachable,
)
from orchestrator.host.actions import BUDGETS
from orchestrator.host.driver import IDLE, HostDriver, Looker
from orchestrator.host.procedures import PROCEDURES
from orchestrator.host.replies import Probe
from orchestrator.host.work import HostPolicy
from orchestrator.model.event import Action, Result
from orchestrator.model.plan import Hooks, Retries, Timeouts, Use
from orchestrator.ports import Engine, ReadEngine, Reply

from .scripted import (
    CURRENT,
    FACTS,
    IDENTITY,
    NEW,
    OK,
    OLD,
    OUTDATED,
    FakeChannel,
    FakeConnector,
    FakeDepot,
    Watch,
    assignment,
    build_check,
    build_gate,
    build_trigger,
    ended,
    on_trial,
    probed,
    work,
)

GONE = Unreachable("connection refused")
CUT = Unreachable("connection lost")
A, R = Action, Result
POLICY = HostPolicy(Timeouts(silent=60.0), Retries(attempts=3, backoff=1.0, max_backoff=8.0))
STAGED = Reply("ok", "", {"token": 8})


def host(probe: Probe | HostError = OUTDATED, **more: Reply | HostError) -> FakeChannel:
    quiet = {a.value: OK for a in A} | {"stage": STAGED, "ping": OK}
    said = probed(probe) if isinstance(probe, Probe) else probe
    return FakeChannel({**quiet, "facts": FACTS, "probe": said, **more})


class Rig:
    def __init__(
        self,
        *doors: FakeChannel | HostError,
        what=None,
        output=None,
        kind=HostDriver,
        policy=POLICY,
        gate=None,
    ):
        self.connector = FakeConnector(*doors)
        self.watch = Watch()
        self.engine = kind(
            self.connector,
            lambda _name: what or assignment(),
            FakeDepot(),
            build_check,
            build_gate if gate is None else lambda _use, _variables: gate,
            build_trigger,
            IDENTITY,
            self.watch,
            policy=policy,
            on_output=output,
            sleep=self.watch.sleep,
        )

    async def do(self, *actions: Action, attempt: int = 1):
        return [await self.engine.perform("gw1", action, attempt) for action in actions][-1]


def test_the_ports_and_the_tables_are_filled() -> None:
    engine: Engine = Rig(host()).engine
    looker: ReadEngine = Rig(host(), kind=Looker).engine
    assert not hasattr(looker, "perform")
    assert engine
    assert set(PROCEDURES) == set(Action) == set(BUDGETS)
    for budget in BUDGETS.values():
        assert budget(Timeouts()) > 0


async def test_one_channel_for_the_whole_run_and_one_more_to_confirm() -> None:
    channel, fresh = host(), host()
    rig = Rig(channel, fresh)
    for action in (A.CHECK, A.STAGE, A.ACTIVATE, A.VALIDATE, A.CONFIRM, A.COMMIT):
        assert (await rig.do(action)).result is R.DONE
    assert rig.connector.opened == 2
    assert channel.operations == [["facts", "probe"], ["stage"], ["activate"], ["commit"]]
    assert fresh.operations == [["confirm"]]
    assert (channel.closed, fresh.closed) == (0, 1)
    await rig.engine.release("gw1")
    assert channel.closed == 1


@pytest.mark.parametrize("action", [A.RENEW, A.KEEP, A.COMMIT])
async def test_who_went_back_while_it_waited_says_why(action: Action) -> None:
    no = Reply("no", "nothing is active")
    channel = host(ended("reverted", OLD.release), renew=no, confirm=no, commit=no)
    outcome = await Rig(channel).do(action)
    assert outcome.result is R.FAILED
    assert outcome.reason.endswith(": nothing is active; gateway went back by itself: because")


async def test_and_says_it_once() -> None:
    over = Reply("no", "this trial is over: reverted, because")
    outcome = await Rig(host(ended("reverted", OLD.release), renew=over)).do(A.RENEW)
    assert outcome.reason == "renewing gateway: this trial is over: reverted, because"


async def test_what_it_said_first_stands_when_it_is_lost_after_that() -> None:
    channel = host(commit=Reply("no", "nothing is active"))
    channel.script["probe"].append(CUT)
    outcome = await Rig(channel).do(A.COMMIT)
    assert (outcome.result, outcome.reason) == (R.FAILED, "committing gateway: nothing is active")


async def test_the_token_is_kept_from_action_to_action() -> None:
    channel = host()
    await Rig(channel).do(A.CHECK, A.STAGE, A.ACTIVATE, A.COMMIT, A.REVERT)
    tokens = [line.split("token=")[1].split()[0] for [line] in channel.calls[1:]]
    assert tokens == ["0", "8", "8", "0"]


async def test_release_forgets_the_host() -> None:
    channel = host()
    rig = Rig(channel)
    await rig.do(A.CHECK)
    await rig.engine.release("gw1")
    await rig.engine.release("gw1")
    await rig.do(A.ACTIVATE)
    assert rig.connector.opened == 2
    assert channel.operations == [["facts", "probe"], ["facts", "probe"], ["activate"]]


async def test_close_lets_go_of_everything() -> None:
    channel = host()
    rig = Rig(channel)
    await rig.do(A.CHECK)
    await rig.engine.close()
    assert channel.closed == 1
    assert rig.connector.closed


@pytest.mark.parametrize("action", [A.CHECK, A.STAGE, A.ACTIVATE, A.VALIDATE, A.WITHDRAW, A.SAMPLE])
async def test_a_host_that_cannot_be_reached(action: Action) -> None:
    rig = Rig(GONE)
    outcome = await rig.do(action)
    assert (outcome.result, outcome.reason) == (R.UNREACHABLE, "connection refused")
    assert rig.connector.opened == 1  # the connector has tried as often as the plan says
    assert rig.watch.naps == []


@pytest.mark.parametrize("action", [A.RESOLVE, A.REVERT, A.COMMIT])
async def test_a_silent_host_is_called_until_its_deadline(action: Action) -> None:
    rig = Rig(GONE)
    outcome = await rig.do(action)
    assert outcome.result is R.UNREACHABLE
    assert 60.0 <= sum(rig.watch.naps) <= 70.0
    assert 1.0 <= rig.watch.naps[0] <= 2.0 <= rig.watch.naps[1] <= 3.0


async def test_a_host_that_comes_back_in_time() -> None:
    rig = Rig(GONE, GONE, GONE, GONE, GONE, host(on_trial()))
    assert (await rig.do(A.RESOLVE)).result is R.IS_TRIAL


@pytest.mark.parametrize(
    ("action", "operation", "result"),
    [
        (A.CHECK, "probe", R.UNREACHABLE),
        (A.WITHDRAW, "withdraw", R.UNREACHABLE),
        (A.SAMPLE, "probe", R.UNREACHABLE),
        (A.ACTIVATE, "activate", R.LOST),
        (A.VALIDATE, "check", R.LOST),
        (A.CONFIRM, "confirm", R.LOST),
        (A.COMMIT, "commit", R.LOST),
        (A.REVERT, "revert", R.LOST),
    ],
)
async def test_a_connection_lost_in_an_action(action, operation, result) -> None:
    channel = host()
    channel.script[operation] = [CUT]
    rig = Rig(channel, what=assignment(work(validations=(Use("http"),))))
    outcome = await rig.do(action)
    assert (outcome.result, outcome.reason) == (result, "connection lost")
    assert channel.closed >= 1
    await rig.do(action)
    assert rig.connector.opened >= 2


async def test_staging_is_repeated_over_new_connections() -> None:
    rig = Rig(host(stage=CUT), host())
    assert (await rig.do(A.STAGE)).result is R.DONE
    rig = Rig(host(stage=CUT))
    assert (await rig.do(A.STAGE)).result is R.UNREACHABLE
    assert rig.connector.opened == 3


async def test_resolving_goes_on_when_cut() -> None:
    rig = Rig(host(probe=CUT), host(probe=CUT), host(ended("reverted", OLD.release)))
    outcome = await rig.do(A.RESOLVE)
    assert outcome.result is R.IS_REVERTED
    assert rig.watch.naps


@pytest.mark.parametrize(
    ("action", "result"),
    [
        (A.CHECK, R.FAILED),
        (A.STAGE, R.FAILED),
        (A.VALIDATE, R.FAILED),
        (A.ACTIVATE, R.UNREACHABLE),
        (A.REVERT, R.UNREACHABLE),
        (A.RESOLVE, R.UNREACHABLE),
    ],
)
@pytest.mark.parametrize("kind", [LoginRefused, HostKeyRefused, BecomeRefused])
async def test_a_host_that_does_not_let_us_in_is_not_asked_twice(kind, action, result) -> None:
    rig = Rig(kind("no such\nkey", hint="add it"))
    outcome = await rig.do(action)
    assert (outcome.result, outcome.reason) == (result, "no such key; add it")
    assert rig.connector.opened == 1


async def test_sudo_may_say_no_with_the_first_answer() -> None:
    channel = host(facts=BecomeRefused("sudo: no"))
    rig = Rig(channel)
    assert (await rig.do(A.CHECK)).result is R.FAILED
    assert channel.closed == 1
    assert (await rig.do(A.RESOLVE)).result is R.UNREACHABLE


async def test_the_confirming_connection_is_refused() -> None:
    rig = Rig(host(), LoginRefused("no"))
    outcome = await rig.do(A.CHECK, A.CONFIRM)
    assert (outcome.result, outcome.reason) == (R.FAILED, "no")


@pytest.mark.parametrize(
    ("action", "operation", "result"),
    [
        (A.CHECK, "probe", R.FAILED),
        (A.STAGE, "stage", R.FAILED),
        (A.ACTIVATE, "activate", R.LOST),
        (A.RESOLVE, "probe", R.FAILED),
    ],
)
async def test_unintelligible_answers(action, operation, result) -> None:
    channel = host()
    channel.script[operation] = [Reply("maybe")]
    assert (await Rig(channel).do(action)).result is result
    assert channel.closed


@pytest.mark.parametrize(
    ("action", "operation", "result"),
    [
        (A.CHECK, "probe", R.FAILED),
        (A.ACTIVATE, "activate", R.LOST),
        (A.VALIDATE, "check", R.LOST),
        (A.CONFIRM, "confirm", R.LOST),
        (A.REVERT, "revert", R.LOST),
    ],
)
async def test_an_operation_that_was_ended_is_in_doubt(action, operation, result) -> None:
    channel = host()
    channel.script[operation] = [Reply("ended", "the operation was ended on the host")]
    rig = Rig(channel, what=assignment(work(validations=(Use("http"),))))
    outcome = await rig.do(action)
    assert outcome.result is result
    assert outcome.reason.startswith("the operation was ended on the host; see what ended it")
    assert channel.closed


@pytest.mark.parametrize(("action", "operation"), [(A.STAGE, "stage"), (A.COMMIT, "commit")])
async def test_an_operation_that_was_ended_is_repeated(action: Action, operation: str) -> None:
    first = host()
    first.script[operation] = [Reply("ended", "the operation was ended on the host")]
    rig = Rig(first, host())
    assert (await rig.do(action)).result is R.DONE
    assert rig.connector.opened == 2


async def test_fenced_stops_this_controller() -> None:
    rig = Rig(host(stage=Reply("fenced", "token 3 is not the newest, 4")))
    with pytest.raises(Fenced):
        await rig.do(A.CHECK, A.STAGE)


async def test_other_errors_become_an_outcome_of_one_line() -> None:
    rig = Rig(host(), what=assignment(work(hooks=Hooks(pre_activate="{{ oops }}"))))
    outcome = await rig.do(A.CHECK)
    assert outcome.result is R.FAILED
    assert "variable 'oops' is not defined" in outcome.reason
    assert "\n" not in outcome.reason


async def test_the_last_failure_is_why_a_host_goes_back() -> None:
    channel = host(check=Reply("no", "503"))
    rig = Rig(channel, what=assignment(work(validations=(Use("http"),))))
    await rig.do(A.CHECK, A.VALIDATE, A.REVERT)
    assert "why='validation http of gateway: 503'" in channel.calls[-1][0]


async def test_an_idle_channel_is_pinged_before_it_is_trusted() -> None:
    channel, second = host(ping=CUT), host()
    rig = Rig(channel, second)
    await rig.do(A.CHECK)
    rig.watch.at += IDLE + 1
    assert (await rig.do(A.STAGE)).result is R.DONE
    assert channel.operations == [["facts", "probe"], ["ping"]]
    assert (channel.closed, second.operations) == (1, [["stage"]])
    rig.watch.at += IDLE - 1
    await rig.do(A.ACTIVATE)
    assert second.operations == [["stage"], ["activate"]]


async def test_a_repeated_action_gets_a_new_connection() -> None:
    channel, second = host(), host()
    rig = Rig(channel, second)
    await rig.do(A.CHECK)
    await rig.do(A.STAGE, attempt=2)
    assert (channel.closed, second.operations) == (1, [["stage"]])


async def test_live_output_names_its_host() -> None:
    seen: list[tuple[str, str]] = []
    channel = host()
    rig = Rig(channel, output=lambda name, line: seen.append((name, line)))
    await rig.do(A.CHECK, A.STAGE, A.ACTIVATE)
    assert ("gw1", "1 requests") in seen
    assert channel.calls[-1][0].endswith(" live=1")


async def test_a_look_changes_nothing_and_lets_go() -> None:
    channel = host(CURRENT)
    rig = Rig(channel, kind=Looker)
    outcome = await rig.engine.look("gw1")
    assert outcome.result is R.ALREADY
    assert channel.operations == [["facts", "probe"]]
    assert channel.closed == 1
    assert outcome.facts["packages"] == {
        "gateway": {
            "from": NEW.release,
            "to": NEW.release,
            "bytes": 0,
            "why": "there, and proved",
        }
    }
