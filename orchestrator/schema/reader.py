"""Walks nodes by their kinds, renders templates where they are due, and collects problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from orchestrator import templates
from orchestrator.errors import InputError, Position, Problem
from orchestrator.schema.sendable import is_sendable
from orchestrator.yamldoc import MappingNode, Node, ScalarNode, resolve

if TYPE_CHECKING:
    from orchestrator.schema.kinds import Kind


class Wrong(Exception):
    """A value does not fit: what, and the mend; the reader knows where."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


class Rendering(Enum):
    """Which templates are filled in while reading; the syntax of all is checked."""

    NOTHING = "options of a check in a plan: wait for a host"
    TEXT = "a plan: all but the values that are templates by kind"
    ALL = "options of a check for one host"


@dataclass(slots=True)
class Reader:
    """Decodes nodes; every problem lands in ``problems``, and reading goes on."""

    rendering: Rendering
    variables: Mapping[str, object] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def decode(self, kind: Kind, node: Node, path: str) -> object:
        """Return the node's value by its kind, or the kind's blank after a problem."""
        try:
            return kind.decode(node, path, self)
        except Wrong as wrong:
            self.problem(node.position, path, wrong.what, wrong.mend)
            return kind.blank

    def problem(self, position: Position, path: str, what: str, mend: str = "") -> None:
        """Note one problem."""
        self.problems.append(Problem(position, path, what, mend))

    def scalar(self, node: Node, what: str, *, template: bool = False) -> ScalarNode:
        """Return a scalar, rendered if it is due; ``what`` names what is expected.

        ``template`` says that the value is a template by kind. Raises Wrong.
        """
        if not isinstance(node, ScalarNode):
            found = "a mapping" if isinstance(node, MappingNode) else "a list"
            raise Wrong(f"expected {what}, found {found}")
        if node.value is None:
            raise Wrong(f"expected {what}, found nothing", "give a value, or remove the key")
        if flaw := templates.check(node.text):
            raise Wrong(flaw, "mend the template")
        waits = self.keeps(node, template=template) or not templates.is_template(node.text)
        due = node if waits else self._render(node)
        if not is_sendable(due.text):
            raise Wrong("holds a NUL, or what is not UTF-8", "remove it: no shell takes it")
        return due

    def keeps(self, node: ScalarNode, *, template: bool = False) -> bool:
        """Return whether the text holds templates that stay as they are for now."""
        if not templates.is_template(node.text):
            return False
        by_kind = template and self.rendering is Rendering.TEXT
        return by_kind or self.rendering is Rendering.NOTHING

    def _render(self, node: ScalarNode) -> ScalarNode:
        try:
            text = templates.render(node.text, self.variables)
        except InputError as error:
            problem = error.problems[0]
            mend = problem.mend
            if self.rendering is Rendering.TEXT and not mend.startswith("did you mean"):
                mend = "here only 'vars' of the plan and -e are known, no variables of hosts"
            raise Wrong(problem.what, mend) from None
        return ScalarNode(resolve(text), node.position, text)


def join(path: str, key: str | int) -> str:
    """Return the path of an item, e.g. ``packages.gateway.steps[0]``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key
