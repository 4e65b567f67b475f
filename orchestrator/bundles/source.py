"""``bundle.yml``: what a source folder says of the bundle that is built from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from orchestrator import yamldoc
from orchestrator.bundles import rules
from orchestrator.bundles.tree import path_flaw
from orchestrator.errors import BundleError, InputError, Position, Problem
from orchestrator.model.bundle import Platform
from orchestrator.registry import near_miss
from orchestrator.yamldoc import MappingNode, Node, ScalarNode, SequenceNode

T = TypeVar("T")

FILE = "bundle.yml"
"""The file that makes a folder the source of a bundle."""

KEYS = (
    "package",
    "version",
    "revision",
    "created",
    "expires",
    "platform",
    "content",
    "shared",
    "hooks",
)


@dataclass(frozen=True, slots=True)
class Source:
    """A valid ``bundle.yml``; ``places`` says where it names each path of the content."""

    folder: Path
    package: str
    version: str
    revision: int
    created: str
    expires: str
    platform: Platform
    content: Path
    shared: tuple[str, ...]
    hooks: Mapping[str, str]
    places: Mapping[str, Position]

    @property
    def file(self) -> Path:
        """Return the path of ``bundle.yml``."""
        return self.folder / FILE


def load(folder: Path) -> Source:
    """Read ``folder/bundle.yml``; raises BundleError with every problem in it."""
    file = folder / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        mend = f"write {FILE} with at least package and version, beside the content folder"
        raise BundleError.at(str(folder), f"no {FILE} in it", mend) from None
    except OSError as error:
        raise BundleError.at(str(file), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BundleError.at(str(file), "not UTF-8 text", "save it as UTF-8") from None
    return parse(text, folder)


def parse(text: str, folder: Path) -> Source:
    """Return the source that ``text`` describes; raises BundleError with every problem."""
    try:
        root = yamldoc.parse(text, str(folder / FILE))
    except InputError as error:
        raise BundleError(*error.problems) from None
    problems: list[Problem] = []
    source = _source(_Fields(root, "", KEYS, problems), folder)
    if problems:
        raise BundleError(*sorted(problems, key=lambda problem: problem.position.line))
    return source


def _source(fields: _Fields, folder: Path) -> Source:
    fields.require("package", "version")
    platform = fields.mapping("platform", ("os", "arch"))
    hooks = fields.mapping("hooks", rules.HOOKS)
    word = partial(_texts, rule=rules.word_flaw)
    inside = partial(_text, rule=_inside_flaw)
    return Source(
        folder=folder,
        package=fields.get("package", partial(_text, rule=rules.package_flaw), ""),
        version=fields.get("version", partial(_text, rule=rules.version_flaw), ""),
        revision=fields.get("revision", _count, 1),
        created=fields.get("created", partial(_text, rule=rules.instant_flaw), ""),
        expires=fields.get("expires", partial(_text, rule=rules.instant_flaw), ""),
        platform=Platform(os=platform.get("os", word, ()), arch=platform.get("arch", word, ())),
        content=folder / fields.get("content", inside, "content"),
        shared=fields.get("shared", partial(_texts, rule=_inside_flaw), ()),
        hooks={name: hooks.get(name, inside, "") for name in hooks.nodes},
        places={
            item.text: item.position
            for node in (*hooks.nodes.values(), fields.nodes.get("shared"))
            for item in (node.value if isinstance(node, SequenceNode) else (node,))
            if isinstance(item, ScalarNode)
        },
    )


class _Misfit(Exception):
    """A value that is not what its key asks for, with its node."""

    def __init__(self, node: Node, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.node = node
        self.what = what
        self.mend = mend


class _Fields:
    """The known keys of one mapping; what does not fit is put on the list of problems."""

    def __init__(
        self, node: Node | None, path: str, known: Sequence[str], problems: list[Problem]
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self.path = path
        self.problems = problems
        self.position = node.position if node else Position(FILE)
        if isinstance(node, MappingNode):
            for key, value in node.value.items():
                self._take(key, value, node.keys[key], known)
        elif node is not None:
            self._problem(node.position, path, "not a mapping", f"write {', '.join(known)} as keys")

    def require(self, *keys: str) -> None:
        for key in keys:
            if key not in self.nodes:
                self._problem(self.position, self.path, f"key '{key}' is missing", "add it")

    def mapping(self, key: str, known: Sequence[str]) -> _Fields:
        return _Fields(self.nodes.get(key), self._place(key), known, self.problems)

    def get(self, key: str, read: Callable[[Node], T], default: T) -> T:
        if key not in self.nodes:
            return default
        try:
            return read(self.nodes[key])
        except _Misfit as misfit:
            self._problem(misfit.node.position, self._place(key), misfit.what, misfit.mend)
            return default

    def _take(self, key: str, value: Node, position: Position, known: Sequence[str]) -> None:
        if key in known:
            self.nodes[key] = value
            return
        mend = near_miss(key, known) or f"known are {', '.join(known)}"
        self._problem(position, self.path, f"unknown key '{key}'", mend)

    def _place(self, key: str) -> str:
        return f"{self.path}.{key}".lstrip(".")

    def _problem(self, position: Position, path: str, what: str, mend: str) -> None:
        self.problems.append(Problem(position, path, what, mend))


def _text(node: Node, rule: Callable[[str], str]) -> str:
    if not isinstance(node, ScalarNode) or node.value is None:
        raise _Misfit(node, "not text", "write one value")
    # The spelling counts, not YAML's number: 'version: 2.10' is not 2.1.
    flaw = rule(node.text)
    if flaw:
        raise _Misfit(node, f"'{node.text}' is {flaw}")
    return node.text


def _texts(node: Node, rule: Callable[[str], str]) -> tuple[str, ...]:
    items = node.value if isinstance(node, SequenceNode) else (node,)
    return tuple(_text(item, rule) for item in items)


def _count(node: Node) -> int:
    value = node.value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _Misfit(node, "not a whole number of at least 1")
    return value


def _inside_flaw(path: str) -> str:
    flaw = path_flaw(path)
    return f"no path inside the bundle: {flaw}" if flaw else ""
