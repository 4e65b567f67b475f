"""Where a package's bundles come from, and which of them: ``bundle`` and ``version`` of a plan."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model.plan import Origin
from orchestrator.model.ranges import LATEST, is_range
from orchestrator.model.version import is_version
from orchestrator.schema import Field, Shape, Text, Wrong
from orchestrator.schema.kinds import ScalarKind, Schema
from orchestrator.yamldoc import ScalarNode

_INSIDE = r"(?!/)(?!(?:.*/)?\.\.?(?:/|$))[^\n]+"


def _origin(location: str, git: str, folder: str) -> Origin:
    if bool(location) == bool(git):
        raise Wrong("a bundle has one origin: a location or git", "write one of the two")
    if folder and not git:
        raise Wrong("'folder' is of a git repository", "remove it, or write git instead")
    origin = Origin(location or git, bool(git), folder)
    if origin.has_secret:
        mend = "take it out; docs/sources.md says where credentials belong"
        raise Wrong("a name or password in a URL", mend)
    return origin


ORIGIN = Shape(
    _origin,
    "Where its bundles come from; a path or URL alone is its location.",
    (
        Field(
            "location",
            Text("a path or URL", r"[^\n]+", "write one line"),
            "Built bundle, folder of them, .fleet file, or store (folder or URL).",
            "",
            example="../bundles/gateway",
        ),
        Field(
            "git",
            Text("a path, URL or short name", r"[^\n-][^\n]*", "write one line, without '-' first"),
            "Repository whose semver tags are releases: URL, path (./app), or short name in a tap.",
            "",
            example="some/app",
            instead=True,
        ),
        Field(
            "folder",
            Text("a path inside the repository", _INSIDE, "write it relative, without '..'"),
            "Folder of the repository with bundle.yml.",
            "",
            example="deploy",
            instead=True,
        ),
    ),
    short="location",
)


@dataclass(frozen=True)
class OneVersion(ScalarKind):
    """Just one version."""

    expected: str = "one version, such as 1.0.0"
    sample: str = '"1.0.0"'

    blank = None

    def read(self, scalar: ScalarNode) -> str:
        """Return the text of the version."""
        if not is_version(scalar.text):
            raise self.wrong(scalar)
        return scalar.text

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string"}


@dataclass(frozen=True)
class Versions(ScalarKind):
    """A range of versions, ``latest``, or one version."""

    expected: str = f"a version, a range such as ^2.4, or {LATEST}"
    sample: str = '"^2.4"'

    blank = None

    def read(self, scalar: ScalarNode) -> str:
        """Return the text of the range."""
        if not is_range(scalar.text):
            raise self.wrong(scalar)
        return scalar.text

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": ["string", "number"]}
