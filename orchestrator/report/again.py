"""The commands that ask again for what a run asked for, of hosts that it did not bring there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from shlex import join

from orchestrator.model.event import Target
from orchestrator.report.escaping import printable
from orchestrator.report.folding import PARTS
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.states import HostState

_THERE = frozenset({HostState.COMMITTED, HostState.SKIPPED})
_WAYS: Mapping[tuple[str, bool], str] = {
    ("preserve_data", True): "--preserve-data",
    ("restore_data", True): "--restore-data",
    ("backup_current", False): "--no-backup-current",
}
"""Options of a way back that are asked for again, by their values."""


def again(rollout: Rollout) -> tuple[str, ...]:
    """Return the commands, each safe to print between backticks.

    What hosts were taken back from is denied, and those that were left no longer have the same
    previous release as the others: only the version, and its package, tell where to.
    """
    started = rollout.started
    kind = next((kind for option, kind in _KINDS.items() if started.options.get(option)), _apply)
    return tuple(printable(command).replace("`", "'") for command in kind(rollout))


def _apply(rollout: Rollout) -> Iterator[str]:
    yield f"fleet apply {rollout.started.plan_source}"


def _back_to(rollout: Rollout) -> Iterator[str]:
    options, targets = rollout.started.options, rollout.started.targets
    named = bool(options.get("packages")) or len(targets) > 1
    flags = [flag for (name, value), flag in _WAYS.items() if options.get(name) is value]
    for target in targets:
        package = _packages(target) if named else []
        words = [rollout.started.plan_source, "--to", target.version, *package, *flags]
        yield f"fleet rollback {join([*words, *_left(rollout)])}"


def _to_golden(rollout: Rollout) -> Iterator[str]:
    words = [rollout.started.plan_source, *_packages(*rollout.started.targets)]
    yield f"fleet hosts restore --factory {join([*words, *_left(rollout)])}"


def _packages(*targets: Target) -> list[str]:
    return [word for target in targets for word in ("--package", target.package)]


def _left(rollout: Rollout) -> list[str]:
    """Return the flag that names the hosts that are not there yet; of many, none is left out."""
    left = [name for name, host in rollout.hosts.items() if host.state not in _THERE]
    limit = rollout.started.options.get("limit")
    if len(left) > PARTS:
        return ["--hosts", str(limit)] if limit else []
    return ["--hosts", ",".join(left)]


_KINDS: Mapping[str, Callable[[Rollout], Iterator[str]]] = {
    "back_to": _back_to,
    "factory": _to_golden,
}
"""What asks again, by the option that made the run."""
