"""``bundle.yml``: what a source folder says of the bundle that is built from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator import yamldoc
from orchestrator.bundles import rules
from orchestrator.bundles.fields import Fields, Misfit, notes, number, size, text, texts, truth
from orchestrator.bundles.header import Header
from orchestrator.bundles.tree import path_flaw
from orchestrator.errors import BundleError, InputError, Position, Problem
from orchestrator.model.bundle import ConfigEntry, Platform, Requirements, Urgency
from orchestrator.yamldoc import MappingNode, Node, ScalarNode, SequenceNode

FILE = "bundle.yml"
"""The file that makes a folder the source of a bundle."""

KEYS = (
    "package",
    "version",
    "revision",
    "created",
    "expires",
    "urgency",
    "notes",
    "platform",
    "requires",
    "provides",
    "floors",
    "content",
    "shared",
    "config",
    "reads",
    "reboot",
    "hooks",
)


@dataclass(frozen=True, slots=True)
class Source:
    """A valid ``bundle.yml``; ``places`` says where it names each path of the content.

    ``header.created`` is empty, and ``header.revision`` 0, when it leaves them to the build.
    """

    folder: Path
    header: Header
    content: Path
    shared: tuple[str, ...]
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
    source = _source(Fields(root, "", KEYS, problems), folder)
    if problems:
        raise BundleError(*sorted(problems, key=_place))
    return source


def _source(fields: Fields, folder: Path) -> Source:
    fields.require("package", "version")
    return Source(
        folder=folder,
        header=_header(fields),
        content=folder / fields.get("content", _inside, "content"),
        shared=fields.get("shared", partial(texts, rule=_inside_flaw), ()),
        places=dict(_places(fields)),
    )


def _header(fields: Fields) -> Header:
    platform = fields.mapping("platform", ("os", "arch"))
    hooks = fields.mapping("hooks", (*rules.HOOKS, rules.TOO_EARLY))
    hooks.get(rules.TOO_EARLY, _too_early, None)
    config = fields.pairs("config", _inside_flaw, partial(number, least=0))
    return Header(
        package=fields.get("package", partial(text, rule=rules.package_flaw), ""),
        version=fields.get("version", _version, ""),
        revision=fields.get("revision", partial(number, least=1), 0),
        created=fields.get("created", _instant, ""),
        expires=fields.get("expires", _instant, None),
        platform=Platform(os=platform.get("os", _words, ()), arch=platform.get("arch", _words, ())),
        hooks={name: hooks.get(name, _inside, "") for name in hooks.nodes},
        urgency=fields.get("urgency", _urgency, Urgency.NORMAL),
        notes=fields.get("notes", notes, ""),
        requires=_requirements(fields.mapping("requires", ("packages", "memory", "tags"))),
        provides=fields.pairs("provides", rules.package_flaw, _version),
        floors=fields.get("floors", partial(texts, rule=rules.range_flaw), ()),
        config=tuple(ConfigEntry(path, schema) for path, schema in config),
        reads=fields.pairs("reads", _inside_flaw, partial(number, least=0)),
        reboot=fields.get("reboot", truth, False),
    )


def _requirements(fields: Fields) -> Requirements:
    return Requirements(
        packages=fields.pairs("packages", rules.package_flaw, partial(text, rule=rules.range_flaw)),
        memory=fields.get("memory", size, 0),
        tags=fields.get("tags", _words, ()),
    )


def _places(fields: Fields) -> Iterator[tuple[str, Position]]:
    """Yield the paths that hooks, shared, config and reads name, with where they do."""
    named = fields.nodes
    for key in ("hooks", "shared"):
        node = named.get(key)
        items = node.value.values() if isinstance(node, MappingNode) else (node,)
        for item in items:
            inner = item.value if isinstance(item, SequenceNode) else (item,)
            yield from ((i.text, i.position) for i in inner if isinstance(i, ScalarNode))
    for key in ("config", "reads"):
        node = named.get(key)
        if isinstance(node, MappingNode):
            yield from node.keys.items()


def _place(problem: Problem) -> tuple[int, int]:
    return problem.position.line, problem.position.column


def _urgency(node: Node) -> Urgency:
    return Urgency(text(node, rules.urgency_flaw))


def _too_early(node: Node) -> None:
    what = "runs before the bundle's content is on the host, and cannot come from it"
    raise Misfit(node, what, "give it as shell text in the plan: packages.<name>.hooks.pre_stage")


def _inside_flaw(path: str) -> str:
    flaw = path_flaw(path)
    return f"no path inside the bundle: {flaw}" if flaw else ""


_inside = partial(text, rule=_inside_flaw)
_instant = partial(text, rule=rules.instant_flaw)
_version = partial(text, rule=rules.version_flaw)
_words = partial(texts, rule=rules.word_flaw)
