"""The requests of those who look after hosts in trouble."""

from __future__ import annotations

from orchestrator.host.requests import Place, given, line, of


def diagnose(root: str, state: str, package: str = "", services: tuple[str, ...] = ()) -> str:
    """Ask what a doctor wants to know of two folders, and of a package and services."""
    named = given(package=package, services="\n".join(services))
    return line("diagnose", {"root": root, "state": state}, named)


def unlock(place: Place, *, held: str, owner: str, force: bool) -> str:
    """Break the lock that the run ``held`` holds; ``force`` also ends a trial, by going back."""
    values = {"held": held, "owner": owner}
    return line("unlock", of(place), values, given(force="1" if force else ""))
