"""Reading a plan: text → nodes → document → Plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from orchestrator import yamldoc
from orchestrator.errors import InputError, PlanError
from orchestrator.model.plan import Plan
from orchestrator.planfile.crosscheck import crosscheck
from orchestrator.planfile.digest import digest
from orchestrator.planfile.kinds import Kinds
from orchestrator.planfile.resolve import resolved
from orchestrator.planfile.shapes import Document, plan_shape
from orchestrator.planning import package_order
from orchestrator.schema import Pairs, Reader, Rendering, freeze

NOTHING: Mapping[str, object] = {}


def load(path: Path, kinds: Kinds, extra_vars: Mapping[str, object] = NOTHING) -> Plan:
    """Return the plan in a file.

    ``kinds`` are those of checks and triggers that it may use, ``extra_vars`` the variables of the
    command line, which win over the plan's. Raises PlanError with every problem found; packages
    that wait for each other are looked for once the rest is right.
    """
    document, variables = _document(path, kinds, extra_vars)
    folder = Path.cwd() / path.parent
    bare = Plan(
        name=document.plan,
        source=str(path),
        digest="",
        inventory=document.fleet.inventory,
        hosts=document.fleet.hosts,
        packages=document.packages,
        edges=document.order,
        rollout=document.rollout,
        description=document.description,
        allowed_signers=document.trust,
        variables=variables,
    )
    package_order(bare)
    return resolved(bare, folder, digest(resolved(bare, Path())))


def _document(path: Path, kinds: Kinds, extra_vars: Mapping[str, object]) -> tuple[Document, Pairs]:
    try:
        node = yamldoc.parse(text_of(path), str(path))
    except InputError as error:
        raise PlanError(*error.problems) from None
    reader = Reader(Rendering.TEXT, dict(extra_vars))
    document = cast("Document | None", reader.decode(plan_shape(kinds), node, ""))
    if document:
        reader.problems.extend(crosscheck(document))
    if reader.problems or not document:
        places = sorted(reader.problems, key=lambda it: (it.position.line, it.position.column))
        raise PlanError(*places)
    return document, cast(Pairs, freeze(reader.variables))


def text_of(path: Path) -> str:
    """Return the text of a plan's file; raises PlanError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise PlanError.at(str(path), f"cannot be read: {reason}", "check its name") from None
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} is not UTF-8"
        raise PlanError.at(str(path), what, "save the file as UTF-8") from None
