"""What a manifest says beside its tree: which fields each format has, and what they may say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.bundles import canonical, rules
from orchestrator.bundles.shape import Shape
from orchestrator.bundles.tree import Flaw, Tree, path_flaw
from orchestrator.model.bundle import ConfigEntry, Platform, Requirements, Urgency

_FIRST = (
    "created",
    "expires",
    "files",
    "folders",
    "format",
    "hooks",
    "links",
    "listing",
    "package",
    "platform",
    "revision",
    "shared",
    "version",
)
_SECOND = (*_FIRST, "floors", "notes", "provides", "requires", "urgency")

FORMATS: Mapping[str, tuple[str, ...]] = {
    "1": _FIRST,
    '"1.1"': _SECOND,
    '"1.2"': (*_SECOND, "config"),
    '"1.3"': (*_SECOND, "config", "reads", "reboot"),
}
"""The fields of each format's manifest, by the format as JSON spells it."""

LATER: Mapping[str, object] = {
    "config": [],
    "floors": [],
    "notes": "",
    "provides": {},
    "reads": {},
    "reboot": False,
    "requires": {"memory": 0, "packages": {}, "tags": []},
    "urgency": Urgency.NORMAL.value,
}
"""What a manifest of an earlier format means by not having a field."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a manifest says beside its tree, named as in ``model.bundle.Manifest``."""

    package: str
    version: str
    revision: int
    created: str
    expires: str | None = None
    platform: Platform = Platform()
    hooks: dict[str, str] = field(default_factory=dict)
    urgency: Urgency = Urgency.NORMAL
    notes: str = ""
    requires: Requirements = Requirements()
    provides: tuple[tuple[str, str], ...] = ()
    floors: tuple[str, ...] = ()
    config: tuple[ConfigEntry, ...] = ()
    reads: tuple[tuple[str, int], ...] = ()
    reboot: bool = False

    @property
    def format(self) -> str:
        """Return the manifest's format: 1.3 only where it has to be, so that more can read it."""
        return "1.3" if self.reads or self.reboot else "1.2"


def fields_of(value: object) -> dict[str, Shape]:
    """Return the fields that the manifest's format asks for, and what the later ones then mean.

    Raises ValueError for an unknown format, and for a field too many or too few.
    """
    shape = Shape(value)
    named = shape.field("format")
    names = FORMATS.get(canonical.encode(named.value).decode())
    if not names:
        known = ", ".join(FORMATS).replace('"', "")
        named.refuse(f"this version of fleet reads the formats {known}; a newer one may read it")
    later = {name: Shape(value, f".{name}", shape) for name, value in LATER.items()}
    return later | shape.fields(*names)


def header_document(header: Header) -> dict[str, object]:
    """Return a header as fields of a manifest."""
    requires = header.requires
    newest = {"reads": dict(header.reads), "reboot": header.reboot}
    later: dict[str, object] = newest if header.format == "1.3" else {}
    return later | {
        "format": header.format,
        "package": header.package,
        "version": header.version,
        "revision": header.revision,
        "created": header.created,
        "expires": header.expires,
        "platform": {"os": list(header.platform.os), "arch": list(header.platform.arch)},
        "hooks": header.hooks,
        "urgency": header.urgency.value,
        "notes": header.notes,
        "requires": {
            "memory": requires.memory,
            "packages": dict(requires.packages),
            "tags": list(requires.tags),
        },
        "provides": dict(header.provides),
        "floors": list(header.floors),
        "config": [{"path": e.path, "schema": e.schema} for e in header.config],
    }


def read_header(document: Mapping[str, Shape]) -> Header:
    """Return the header that fields spell; raises ValueError, saying where, for one that cannot."""
    platform = document["platform"].fields("os", "arch")
    known = rules.FIRST_HOOKS if document["format"].value in (1, "1.1") else rules.HOOKS
    hooks = document["hooks"].fields(*known, optional=True)
    expires = document["expires"]
    return Header(
        package=document["package"].ruled(rules.package_flaw),
        version=document["version"].ruled(rules.version_flaw),
        revision=document["revision"].number(1),
        created=document["created"].ruled(rules.instant_flaw),
        expires=None if expires.value is None else expires.ruled(rules.instant_flaw),
        platform=Platform(os=platform["os"].items(_word), arch=platform["arch"].items(_word)),
        hooks={name: path.text() for name, path in hooks.items()},
        urgency=Urgency(document["urgency"].ruled(rules.urgency_flaw)),
        notes=document["notes"].ruled(rules.notes_flaw),
        requires=_requirements(document["requires"]),
        provides=document["provides"].pairs(rules.package_flaw, _version),
        floors=document["floors"].items(_range),
        config=_config(document["config"]),
        reads=document["reads"].pairs(lambda _: "", lambda item: item.number(0)),
        reboot=document["reboot"].truth(),
    )


def header_flaws(header: Header, tree: Tree) -> Iterable[Flaw]:
    """Yield the hooks that name no executable file, and configuration that is nowhere."""
    modes = {entry.path: entry.mode for entry in tree.files}
    for name, path in header.hooks.items():
        if path not in modes:
            yield Flaw(path, f"hook {name} names no file of the bundle", "put it into the content")
        elif not modes[path] & 0o100:
            yield Flaw(path, f"hook {name} is not executable", "chmod +x")
    shared = {f"{path}/" for path in tree.shared}
    lengths = {len(path) for path in shared}
    for entry in header.config:
        within = any(f"{entry.path}/"[:length] in shared for length in lengths)
        if path_flaw(entry.path) or (entry.path not in modes and not within):
            what = "configuration that is neither a file of the bundle nor in a shared path"
            yield Flaw(entry.path, what, "mend the path")
    schemas = {entry.path: entry.schema for entry in header.config}
    for path, highest in header.reads:
        if highest <= schemas.get(path, highest):
            what = "reads no schema beyond that of its configuration there"
            yield Flaw(path, what, "name a path of config, and a higher number")


def _requirements(item: Shape) -> Requirements:
    found = item.fields("memory", "packages", "tags")
    return Requirements(
        packages=found["packages"].pairs(rules.package_flaw, _range),
        memory=found["memory"].number(0),
        tags=found["tags"].items(_word),
    )


def _config(item: Shape) -> tuple[ConfigEntry, ...]:
    entries = item.items(_config_entry)
    paths = [entry.path for entry in entries]
    if paths != sorted(set(paths)):
        item.refuse("not sorted by path, or a path is there twice")
    return entries


def _config_entry(item: Shape) -> ConfigEntry:
    found = item.fields("path", "schema")
    return ConfigEntry(found["path"].text(), found["schema"].number(0))


def _word(item: Shape) -> str:
    return item.ruled(rules.word_flaw)


def _version(item: Shape) -> str:
    return item.ruled(rules.version_flaw)


def _range(item: Shape) -> str:
    return item.ruled(rules.range_flaw)
