"""Taps: files that map short names of git repositories to their URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator import yamldoc
from orchestrator.errors import BundleError, InputError, Problem
from orchestrator.model.plan import Origin
from orchestrator.registry import near_miss
from orchestrator.yamldoc import MappingNode, Node, ScalarNode

TAPS = "taps"
"""The folder of taps in fleet's home; each tap is a ``.yml`` file."""

_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCHEMES = ("https", "ssh", "file")
"""Ways to a repository that nobody can change on the way."""


def repository(location: str, home: Path) -> str:
    """Return the URL or path of a repository, which may be given by its short name.

    Raises BundleError for a name that no tap has, and for a URL that is not safe.
    """
    url = _known(location, home / TAPS) if _SHORT.fullmatch(location) else location
    refuse_secrets(Origin(url, git=True))
    scheme = _SCHEME.match(url)
    if (scheme and scheme[1] not in _SCHEMES) or "::" in url or url.startswith("-"):
        mend = f"write a path, host:path, or a URL with one of {', '.join(_SCHEMES)}"
        raise BundleError.at(url, "no repository that fleet takes bundles from", mend)
    return url


def refuse_secrets(origin: Origin) -> None:
    """Raise BundleError for a URL with a name or password in it, without showing it."""
    if origin.has_secret:
        place = f"{origin.location.partition('://')[0]}://…"
        mend = "take it out; docs/sources.md says where credentials belong"
        raise BundleError.at(place, "a name or password in a URL", mend)


def _known(name: str, folder: Path) -> str:
    found: dict[str, Node] = {}
    for short, node in _entries(folder):
        if short == name and short in found and _text(found[short]) != _text(node):
            what = f"'{name}' is '{_text(node)}' here, and another in {found[short].position}"
            raise BundleError(Problem(node.position, "", what, "keep one of them"))
        found.setdefault(short, node)
    if name in found:
        return _text(found[name])
    mend = near_miss(name, found) or f"add '{name}: URL' to a file there, or write the URL"
    raise BundleError.at(str(folder), f"no tap knows '{name}'", mend)


def _entries(folder: Path) -> Iterator[tuple[str, Node]]:
    for file in sorted(folder.glob("*.yml")):
        try:
            root = yamldoc.parse(file.read_text(encoding="utf-8"), str(file))
        except InputError as error:
            raise BundleError(*error.problems) from None
        except UnicodeDecodeError:
            raise BundleError.at(str(file), "not UTF-8", "save the file as UTF-8") from None
        except OSError as error:
            why = f"cannot be read: {error.strerror}"
            raise BundleError.at(str(file), why, "make it readable, or move it away") from None
        if not isinstance(root, MappingNode):
            raise BundleError.at(str(file), "not a tap", "write 'short/name: URL' lines")
        yield from root.value.items()


def _text(node: Node) -> str:
    if not isinstance(node, ScalarNode) or node.value is None:
        raise BundleError(Problem(node.position, "", "not a URL", "write 'short/name: URL'"))
    return node.text
