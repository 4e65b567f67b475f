"""The transition tables: every move that hosts and waves can make.

``docs/rollout-states.md`` draws them; a test holds the drawing and the tables together.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model.event import Action, Result
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W

HOST_MOVES: Mapping[H, frozenset[H]] = {
    H.PENDING: frozenset({H.CHECKING, H.DEFERRED}),
    H.CHECKING: frozenset({H.STAGING, H.SKIPPED, H.FAILED, H.DEFERRED}),
    H.STAGING: frozenset({H.STAGED, H.FAILED}),
    H.STAGED: frozenset({H.ACTIVATING, H.WITHDRAWN}),
    H.ACTIVATING: frozenset({H.VALIDATING, H.REVERTING, H.IN_DOUBT}),
    H.VALIDATING: frozenset({H.CONFIRMED, H.REVERTING, H.IN_DOUBT}),
    H.CONFIRMED: frozenset({H.COMMITTED, H.REVERTING}),
    H.COMMITTED: frozenset({H.REVERTING, H.REGRESSED}),
    H.REVERTING: frozenset({H.REVERTED, H.STRANDED, H.IN_DOUBT}),
    H.IN_DOUBT: frozenset({H.STAGED, H.VALIDATING, H.CONFIRMED, H.REVERTED, H.STRANDED}),
    H.SKIPPED: frozenset(),
    H.FAILED: frozenset(),
    H.DEFERRED: frozenset(),
    H.WITHDRAWN: frozenset(),
    H.REVERTED: frozenset(),
    H.STRANDED: frozenset(),
    H.REGRESSED: frozenset(),
}

WAVE_MOVES: Mapping[W, frozenset[W]] = {
    W.QUEUED: frozenset({W.HELD}),
    W.HELD: frozenset({W.OPEN, W.HALTED}),
    W.OPEN: frozenset({W.HELD, W.BAKING, W.HALTED}),
    W.BAKING: frozenset({W.PASSED, W.HALTED}),
    W.PASSED: frozenset({W.ROLLING_BACK}),
    W.HALTED: frozenset({W.OPEN, W.ROLLING_BACK}),
    W.ROLLING_BACK: frozenset({W.ROLLED_BACK, W.STRANDED}),
    W.ROLLED_BACK: frozenset(),
    W.STRANDED: frozenset(),
}

OUTCOMES: Mapping[tuple[H, Action], Mapping[Result, H]] = {
    (H.CHECKING, Action.CHECK): {
        Result.DONE: H.STAGING,
        Result.ALREADY: H.SKIPPED,
        Result.FAILED: H.FAILED,
        Result.INCONCLUSIVE: H.FAILED,
        Result.UNREACHABLE: H.FAILED,  # or DEFERRED, by the plan's policy
        Result.LOST: H.FAILED,
    },
    (H.STAGING, Action.STAGE): {
        Result.DONE: H.STAGED,
        Result.FAILED: H.FAILED,
        Result.UNREACHABLE: H.FAILED,
        Result.LOST: H.FAILED,
    },
    (H.STAGED, Action.WITHDRAW): {
        Result.DONE: H.WITHDRAWN,
        Result.FAILED: H.WITHDRAWN,
        Result.UNREACHABLE: H.WITHDRAWN,
        Result.LOST: H.WITHDRAWN,
    },
    (H.STAGED, Action.RESERVE): {
        Result.DONE: H.STAGED,
        Result.HELD: H.STAGED,
        Result.FAILED: H.STAGED,
        Result.UNREACHABLE: H.STAGED,
        Result.LOST: H.STAGED,
    },
    (H.STAGED, Action.UNRESERVE): {
        Result.DONE: H.STAGED,
        Result.FAILED: H.STAGED,
        Result.UNREACHABLE: H.STAGED,
        Result.LOST: H.STAGED,
    },
    (H.ACTIVATING, Action.ACTIVATE): {
        Result.DONE: H.VALIDATING,
        Result.FAILED: H.REVERTING,
        Result.STRANDED: H.REVERTING,
        Result.UNREACHABLE: H.IN_DOUBT,
        Result.LOST: H.IN_DOUBT,
    },
    (H.VALIDATING, Action.REBOOT): {
        Result.DONE: H.VALIDATING,
        Result.FAILED: H.REVERTING,
        Result.UNREACHABLE: H.IN_DOUBT,
        Result.LOST: H.IN_DOUBT,
    },
    (H.VALIDATING, Action.VALIDATE): {
        Result.DONE: H.VALIDATING,
        Result.FAILED: H.REVERTING,
        Result.INCONCLUSIVE: H.REVERTING,
        Result.UNREACHABLE: H.IN_DOUBT,
        Result.LOST: H.IN_DOUBT,
    },
    (H.VALIDATING, Action.CONFIRM): {
        Result.DONE: H.CONFIRMED,
        Result.FAILED: H.REVERTING,
        Result.INCONCLUSIVE: H.REVERTING,
        Result.UNREACHABLE: H.IN_DOUBT,
        Result.LOST: H.IN_DOUBT,
    },
    (H.CONFIRMED, Action.RENEW): {
        Result.DONE: H.CONFIRMED,
        Result.FAILED: H.REVERTING,
        Result.UNREACHABLE: H.CONFIRMED,
        Result.LOST: H.CONFIRMED,
    },
    (H.CONFIRMED, Action.KEEP): {
        Result.DONE: H.CONFIRMED,
        Result.FAILED: H.REVERTING,
        Result.UNREACHABLE: H.CONFIRMED,
        Result.LOST: H.CONFIRMED,
    },
    (H.CONFIRMED, Action.COMMIT): {
        Result.DONE: H.COMMITTED,
        Result.FAILED: H.REVERTING,
        Result.UNREACHABLE: H.CONFIRMED,
        Result.LOST: H.CONFIRMED,
    },
    (H.CONFIRMED, Action.SAMPLE): {
        Result.DONE: H.CONFIRMED,
        Result.FAILED: H.REVERTING,
        Result.INCONCLUSIVE: H.REVERTING,
        Result.UNREACHABLE: H.CONFIRMED,
        Result.LOST: H.CONFIRMED,
    },
    (H.COMMITTED, Action.SAMPLE): {
        Result.DONE: H.COMMITTED,
        Result.FAILED: H.REGRESSED,
        Result.INCONCLUSIVE: H.REGRESSED,
        Result.UNREACHABLE: H.COMMITTED,
        Result.LOST: H.COMMITTED,
    },
    (H.REVERTING, Action.REVERT): {
        Result.DONE: H.REVERTED,
        Result.FAILED: H.STRANDED,
        Result.STRANDED: H.STRANDED,
        Result.UNREACHABLE: H.IN_DOUBT,
        Result.LOST: H.IN_DOUBT,
    },
    (H.IN_DOUBT, Action.RESOLVE): {
        Result.IS_STAGED: H.STAGED,
        Result.IS_ARMED: H.STAGED,  # and on, or VALIDATING, when the host is to go back
        Result.IS_TRIAL: H.VALIDATING,
        Result.IS_CONFIRMED: H.CONFIRMED,
        Result.IS_REVERTED: H.REVERTED,
        Result.STRANDED: H.STRANDED,
        Result.FAILED: H.STRANDED,
        Result.UNREACHABLE: H.STRANDED,
        Result.LOST: H.STRANDED,
    },
}
"""What each outcome makes of a host; an outcome that keeps the state is not a move."""

UNSAFE_TO_REPEAT = frozenset(
    {Action.ACTIVATE, Action.REBOOT, Action.VALIDATE, Action.CONFIRM, Action.REVERT}
)
"""Begun without a known outcome, these leave a host IN_DOUBT; the others are simply asked again."""
