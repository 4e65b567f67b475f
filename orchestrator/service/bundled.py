"""Scripts that a plan names must be in the bundles: a missing one could never say no."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from posixpath import dirname, join, normpath

from orchestrator.errors import PlanError, Problem
from orchestrator.host.work import PackageWork
from orchestrator.model.bundle import Manifest
from orchestrator.registry import near_miss
from orchestrator.schema import files_named

Kinds = Mapping[str, type]
MOST_LINKS = 40
"""Links that a kernel follows on one path."""


def expect_files(works: Iterable[PackageWork], *, validations: Kinds, triggers: Kinds) -> None:
    """Raise PlanError for files that a package's uses name and its release does not have.

    What runs before the release is there, and what templates name for each host, is passed over.
    """
    problems = [problem for work in works for problem in _problems(work, validations, triggers)]
    if problems:
        raise PlanError(*problems)


def _problems(work: PackageWork, validations: Kinds, triggers: Kinds) -> Iterator[Problem]:
    plan = work.package
    parts = (
        ("validations", plan.validations, validations),
        ("triggers", plan.triggers, triggers),
    )
    for key, uses, known in parts:
        for index, use in enumerate(uses):
            here = f"packages.{work.name}.{key}[{index}].{use.name}"
            for path in files_named(use, known[use.name]):
                for what, mend in _flaws(work.manifest, path):
                    yield Problem(use.position, here, what, mend)


def _flaws(manifest: Manifest, path: str) -> Iterator[tuple[str, str]]:
    """Yield why a host could not run a file of the release, with the mend."""
    found = _followed(manifest, path)
    files = {entry.path: entry for entry in manifest.files}
    bundle = f"the bundle of {manifest.package} {manifest.version}"
    if any(f"{found}/".startswith(f"{shared}/") for shared in manifest.shared):
        return  # only the host knows what lies there
    if found not in files:
        yield f"{bundle} has no file '{path}'", near_miss(path, files) or "name one that it has"
    elif not files[found].mode & 0o111:
        yield f"'{path}' in {bundle} is not executable", "chmod +x it, and build the bundle anew"


def _followed(manifest: Manifest, path: str) -> str:
    """Return where a path of the release leads, through the links of the bundle."""
    links = {link.path: link.target for link in manifest.links}
    for _ in range(MOST_LINKS):
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        link = next((one for one in above if one in links), None)
        if link is None:
            break
        path = normpath(join(dirname(link), links[link], path[len(link) + 1 :]))
    return path
