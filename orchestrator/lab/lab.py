"""A lab: a fleet of SSH hosts on this box that can be hurt.

Every verb is one locked change: the new intent is written to ``lab.json`` first, then what runs
is made to match it, so that a verb which was interrupted can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

from orchestrator.errors import LabError, UsageError
from orchestrator.lab.daemons import Daemons, wait_for_banners
from orchestrator.lab.embedded_daemon import EmbeddedDaemon
from orchestrator.lab.founding import Request, claim, clear_away, found, furnish
from orchestrator.lab.login import user_name
from orchestrator.lab.machine.daemons import Machines
from orchestrator.lab.ownership import own_processes
from orchestrator.lab.processes import stop_all
from orchestrator.lab.record import Intent, Record, load, locked, save
from orchestrator.lab.spec import (
    Condition,
    HostStatus,
    LabHost,
    LabKind,
    LabPaths,
    Slowness,
)
from orchestrator.lab.sshd import SshdDaemons
from orchestrator.registry import near_miss

_PATIENCE = 60.0
_SERVED = frozenset({Condition.UP, Condition.SLOW, Condition.FROZEN})
_POSSIBLE_FROM: Mapping[Condition, frozenset[Condition]] = {
    Condition.UP: frozenset(Condition),
    Condition.DOWN: frozenset(Condition),
    Condition.CUT: _SERVED | {Condition.CUT},
    Condition.SLOW: _SERVED,
    Condition.FROZEN: _SERVED,
}


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab on disk; how it is doing is read afresh for every question."""

    paths: LabPaths

    @classmethod
    def up(
        cls,
        directory: Path,
        hosts: int | None = None,
        *,
        kind: LabKind | None = None,
        network: IPv4Network | None = None,
        cache: Path | None = None,
        patience: float = _PATIENCE,
    ) -> Lab:
        """Start a lab, or what is missing of it, and wait until every host answers.

        Hosts that are up are left alone; all others are restored.

        Args:
            directory: where the lab lives; made if it is not there.
            hosts: how many; a lab that is there keeps its number or grows. Default: 12, or 3
                machines.
            kind: what answers; by default sshd where it can be had, or else embedded.
            network: the block of loopback addresses; by default one that follows from the folder.
            cache: where an sshd that is not installed, or the tree of machines, is kept; by
                default the user's cache.
            patience: seconds to wait for the hosts.

        Raises:
            LabError: the lab cannot be had as asked, or a host does not answer in time.

        """
        lab = cls(LabPaths.of(directory))
        claim(lab.paths)
        with locked(lab.paths):
            record = save(lab.paths, found(lab.paths, Request(hosts, kind, network, cache)))
            furnish(lab.paths, record)
            lab._bring(record, record.hosts(lab.paths), Intent(), patience)
        return lab

    @classmethod
    def open(cls, directory: Path) -> Lab:
        """Return the lab in a folder; raise `LabError` if there is none."""
        lab = cls(LabPaths.of(directory))
        load(lab.paths)
        return lab

    @property
    def kind(self) -> LabKind:
        """What answers on the hosts' ports."""
        return load(self.paths).kind

    @property
    def user(self) -> str:
        """Whom to log in as."""
        return user_name()

    @property
    def hosts(self) -> tuple[LabHost, ...]:
        """All hosts, in order."""
        return load(self.paths).hosts(self.paths)

    def host(self, name: str) -> LabHost:
        """Return one host by name; raise `UsageError` if there is none."""
        hosts = self.hosts
        return hosts[_index(hosts, name)]

    def status(self) -> tuple[HostStatus, ...]:
        """Return how each host is doing, by what was done to it and by what runs."""
        record = load(self.paths)
        return self._status(record, range(len(record.intents)))

    def cut(self, *names: str) -> None:
        """Take hosts off the network: connections break, new ones are refused.

        What the hosts' sessions started lives on. At a machine it is as if the cable were pulled:
        connections hang.
        """
        self._change(names, Intent(Condition.CUT))

    def kill(self, *names: str) -> None:
        """Take the power from hosts: all their processes die at once; the disk stays.

        A machine loses what it had written and not flushed to its disk.
        """
        self._change(names, Intent(Condition.DOWN))

    def powercut(self, *names: str, wait: bool = True) -> None:
        """Take the power from hosts, and give it back; a machine that is cut off stays so.

        Args:
            names: the hosts.
            wait: whether to wait until they answer.

        """
        with locked(self.paths):
            daemons = self._daemons(load(self.paths))
            if isinstance(daemons, Machines):
                self._boot_again(names, daemons, daemons.cycle_power, wait=wait)
            else:
                self._change_locked(names, Intent(Condition.DOWN))
                self._change_locked(names, Intent())

    def reboot(self, *names: str, wait: bool = True) -> None:
        """Boot hosts again, machines after shutting down in good order; see `powercut`."""
        with locked(self.paths):
            daemons = self._daemons(load(self.paths))
            if isinstance(daemons, Machines):
                self._boot_again(names, daemons, daemons.reboot, wait=wait)
                return
        self.powercut(*names)

    def fill(self, *names: str, leave: int = 0) -> None:
        """Fill up the disks of machines but for ``leave`` bytes, until they are restored."""
        with locked(self.paths):
            daemons = self._machines("fill")
            hosts = load(self.paths).hosts(self.paths)
            daemons.fill([hosts[_index(hosts, name)] for name in names], leave)

    def freeze(self, *names: str, everything: bool = False) -> None:
        """Make connections to hosts hang; with ``everything`` stop their own processes too."""
        with locked(self.paths):
            hosts = self._change_locked(names, Intent(Condition.FROZEN))
            if everything:
                stop_all(partial(own_processes, self.paths, hosts))

    def slow(self, *names: str, latency: float = 0.0, rate: int | None = None) -> None:
        """Make the links to hosts slow; connections that are open break.

        Args:
            names: the hosts.
            latency: seconds by which each byte is late, in each direction.
            rate: bytes per second in each direction, shared by a host's connections.

        """
        if self.kind is LabKind.MACHINE:
            raise LabError(
                "machines have no slow lines", hint="use a lab of `--kind sshd` for that"
            )
        self._change(names, Intent(Condition.SLOW, Slowness(latency, rate)))

    def restore(self, *names: str) -> None:
        """Undo what was done to hosts, and wait until they answer."""
        self._change(names, Intent())

    def down(self, *, keep: bool = False) -> None:
        """End everything that runs, and remove what the lab has written unless ``keep``."""
        with locked(self.paths):
            record = load(self.paths)
            self._daemons(record).end(record.hosts(self.paths))
            if not keep:
                clear_away(self.paths)

    def _change(self, names: Iterable[str], intent: Intent) -> None:
        with locked(self.paths):
            self._change_locked(names, intent)

    def _change_locked(self, names: Iterable[str], intent: Intent) -> list[LabHost]:
        record = load(self.paths)
        hosts = record.hosts(self.paths)
        indexes = [_index(hosts, name) for name in names]
        _check_possible(self._status(record, indexes), intent.condition)
        record = save(self.paths, record.intending(indexes, intent))
        changed = [hosts[index] for index in indexes]
        self._bring(record, changed, intent, _PATIENCE)
        return changed

    def _boot_again(
        self,
        names: Iterable[str],
        machines: Machines,
        how: Callable[[Sequence[LabHost]], None],
        *,
        wait: bool,
    ) -> None:
        record = load(self.paths)
        hosts = record.hosts(self.paths)
        indexes = [_index(hosts, name) for name in names]
        _check_possible(self._status(record, indexes), Condition.CUT)
        how([hosts[index] for index in indexes])
        connected = [i for i in indexes if record.intents[i].condition is not Condition.CUT]
        save(self.paths, record.intending(connected, Intent()))
        if wait:
            answering = [hosts[index] for index in connected]
            wait_for_banners(answering, machines.is_serving, _PATIENCE)

    def _machines(self, verb: str) -> Machines:
        daemons = self._daemons(load(self.paths))
        if isinstance(daemons, Machines):
            return daemons
        raise LabError(
            f"only machines can be made to {verb}", hint="see `fleet lab up --kind machine`"
        )

    def _bring(
        self, record: Record, hosts: Iterable[LabHost], intent: Intent, patience: float
    ) -> None:
        daemons, hosts = self._daemons(record), tuple(hosts)
        daemons.apply(hosts, intent)
        if intent.condition in (Condition.UP, Condition.SLOW):
            wait_for_banners(hosts, daemons.is_serving, patience)

    def _status(self, record: Record, indexes: Iterable[int]) -> tuple[HostStatus, ...]:
        daemons, hosts = self._daemons(record), record.hosts(self.paths)
        statuses = []
        for index in indexes:
            host, condition = hosts[index], record.intents[index].condition
            if condition in _SERVED and not daemons.is_serving(host):
                condition = Condition.DOWN
            statuses.append(HostStatus(host, condition))
        return tuple(statuses)

    def _daemons(self, record: Record) -> Daemons:
        if record.tree:
            return Machines(self.paths, record.network, record.tree)
        return SshdDaemons(self.paths, record.sshd) if record.sshd else EmbeddedDaemon(self.paths)


def _index(hosts: tuple[LabHost, ...], name: str) -> int:
    names = [host.name for host in hosts]
    if name not in names:
        raise UsageError(
            f"the lab has no host {name!r}",
            hint=near_miss(name, names) or f"its hosts are {names[0]} to {names[-1]}",
        )
    return names.index(name)


def _check_possible(statuses: Iterable[HostStatus], wanted: Condition) -> None:
    for status in statuses:
        if status.condition not in _POSSIBLE_FROM[wanted]:
            raise LabError(
                f"{status.host.name} is {status.condition}, so it cannot be made {wanted}",
                hint=f"first run `fleet lab restore {status.host.name}`",
            )
