"""How the commands that mend things are spelled, so that they can be pasted as they are."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import join, quote

from orchestrator.model.fleet import Become, BecomeMethod

PLAN = "PLAN.yml"
"""Stands for a plan where the doctor was asked without one."""

BACKUP = "ID"
"""Stands for a backup that people choose: fleet hosts backups lists them."""

_RAISE = {
    BecomeMethod.SUDO: "sudo -n -u {user} -- sh -c {command}",
    BecomeMethod.DOAS: "doas -n -u {user} sh -c {command}",
    BecomeMethod.SU: "su {user} -c {command}",
}


@dataclass(frozen=True, slots=True)
class Spelling:
    """The words that reach one host: ``plan``, ``flags`` of the command line, ``ssh`` words."""

    host: str
    plan: str = ""
    flags: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    become: Become | None = None

    def fleet(self, command: str, *words: str) -> str:
        """Return a fleet command that takes a plan and limits it to the host."""
        plan = self.plan or PLAN
        return f"fleet {command} {join([plan, '-l', self.host, *self.flags, *words])}"

    def here(self, command: str, *words: str) -> str:
        """Return a fleet command that needs no plan, and names the host itself."""
        plan = [self.plan] if self.plan else []
        return f"fleet {command} {join([*plan, self.host, *self.flags, *words])}"

    def on_host(self, command: str) -> str:
        """Return the ssh command that runs shell text on the host, as fleet would be there."""
        return f"{self._way} {quote(self.raised(command))}"

    def on_host_now(self, command: str) -> str:
        """Return the same for text in which this machine's shell fills in ``$(…)``."""
        return f'{self._way} "{self.raised(command)}"'

    def raised(self, command: str) -> str:
        """Return shell text that runs ``command`` with the privileges that fleet has there."""
        if self.become is None:
            return command
        form = _RAISE[self.become.method]
        return form.format(user=quote(self.become.user), command=quote(command))

    @property
    def _way(self) -> str:
        return join(self.ssh or ("ssh", self.host))
