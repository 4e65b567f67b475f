"""Keys that say what a host keeps of a package: releases, backups, local changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from orchestrator.model import keeping as model
from orchestrator.model.keeping import DriftPolicy, OnDrift
from orchestrator.schema import (
    Choice,
    Duration,
    Field,
    Kind,
    ListOf,
    Reader,
    Size,
    Template,
    Text,
    Whole,
    Wrong,
    shape_for,
)
from orchestrator.schema.reader import join
from orchestrator.yamldoc import MappingNode, Node, ScalarNode

KEEP = shape_for(
    model.Retention,
    "Releases kept on a host, the active one included; it and the previous one always stay.",
    Field("releases", Whole(2, 100), "How many at most."),
    Field("age", Duration(), "Those laid down longer ago are removed; 0s: whatever their age."),
    Field("free", Size(), "The oldest are removed while less than this is free; 0: no matter."),
    short="releases",
)

BACKUPS = shape_for(
    model.BackupRetention,
    "Backups kept on a host: of local changes and, counted apart, of data.",
    Field("keep", Whole(0, 1000), "How many at most."),
    Field("age", Duration(), "Older ones are removed; 0s: whatever their age."),
    short="keep",
)

DATA_PATH = Template(
    "a path of data",
    r"(?!(?:.*/)?\.{1,2}(?:/|$))/?[A-Za-z0-9 ._+@%,:=~-]+(?:/[A-Za-z0-9 ._+@%,:=~-]+)*",
    "absolute, or below the shared folder, of letters, digits, spaces and . _ + @ % , : = ~ -",
)

SERVICE = Text("a service", r"[A-Za-z0-9:._@\\-]+", "name one, of letters, digits and : . _ @ \\ -")

DATA = shape_for(
    model.Data,
    "What a package works with that outlives its releases: backed up before a rollback.",
    Field(
        "paths",
        ListOf(DATA_PATH, single=True, least=1),
        "Files and folders, absolute or below the package's shared folder.",
        example="[db, /srv/gateway]",
    ),
    Field(
        "stop",
        ListOf(SERVICE, single=True),
        "Services stopped while data is copied or replaced, in order; started again in reverse.",
        example="[gateway.service]",
    ),
    Field(
        "freeze",
        Template("shell text"),
        "Run before that; a failure leaves the data alone.",
        example="/usr/local/bin/flush",
    ),
    Field(
        "thaw",
        Template("shell text"),
        "Run after that, whatever came of it.",
        example="/usr/local/bin/resume",
    ),
    Field("timeout", Duration(1.0), "How long copying, or bringing back, may take."),
    short="paths",
)

POLICY = Choice(DriftPolicy)
DEFAULT = "default"


@dataclass(frozen=True)
class DriftRules(Kind):
    """One policy for all paths, or a mapping of globs to policies, in the order that counts."""

    blank = OnDrift()

    def decode(self, node: Node, path: str, reader: Reader) -> object:
        """Return the policies."""
        if isinstance(node, ScalarNode):
            return OnDrift(cast(DriftPolicy, POLICY.decode(node, path, reader)))
        if not isinstance(node, MappingNode):
            raise Wrong("expected a policy, or a mapping of globs to policies", POLICY.expected)
        for glob, position in node.keys.items():
            if glob.startswith("/") or ".." in glob.split("/"):
                mend = "write it as the bundle has it, such as etc/*.conf"
                reader.problem(position, join(path, glob), "not a path inside a release", mend)
        rules = {
            glob: cast(DriftPolicy, reader.decode(POLICY, value, join(path, glob)))
            for glob, value in node.value.items()
        }
        return OnDrift(rules.pop(DEFAULT, DriftPolicy.FAIL), tuple(rules.items()))

    def schema(self) -> dict[str, object]:
        """Return the JSON Schema."""
        word = POLICY.schema()
        return {"anyOf": [word, {"type": "object", "additionalProperties": word}]}

    def spell(self, value: object) -> object:
        """Return the word, where there is only one."""
        return str(value.default) if isinstance(value, OnDrift) and not value.globs else None
