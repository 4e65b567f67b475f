"""The annotated reference: a plan with every key, every check and trigger, with their meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from orchestrator.planfile.kinds import Kinds
from orchestrator.planfile.shapes import plan_shape
from orchestrator.schema import Field, Kind, ListOf, Named, Shape, shape_of
from orchestrator.schema.kinds import ScalarKind

_HEAD = """\
# Plan reference

This page is made from the tables that the loader uses (`orchestrator/planfile/shapes.py`,
`orchestrator/checks/`, `orchestrator/triggers/`, `orchestrator/gates/`), and a test loads the plan
below.

- Durations are `90s`, `10m`, `1h30m`, `2d`; a bare number counts seconds.
- Sizes are `500MiB`, `2GB`; a bare number counts bytes.
- YAML is read as version 1.2: only `true` and `false` are booleans, and `0644` or `1:30` are text.
  Unquoted numbers do where text is wanted: `version: 2.10` is 2.10.
- `{{ … }}` is Jinja2, and a variable that is not defined is an error. Shell text (`hooks`, `steps`,
  `restart`, `environment`), `root`, `state` and the options of checks and triggers are rendered for
  each host, with its variables and facts. All else is rendered when the plan is read, with `vars`
  and `-e`.
- Comments of templates are `{## … ##}`, because `{#` has a meaning in shell text.
- Relative paths start at the plan's folder.

```yaml
"""

_CHECKS = """\
```

## Checks

For `pre_checks` and `validations`. Each answers yes, no, not yet (asked again until the phase's
deadline) or unknown (a person is asked; no measurement is never a success).
"""

_TRIGGERS = """
## Triggers

For `triggers`. The host asks each again and again while the release is on trial;
[triggers.md](triggers.md) tells what comes of the answers.
"""


_GATES = """
## Gates

For `reboot.lock`, without the dash. What holds a host is asked again until it lets the host
through; [reboot-locks.md](reboot-locks.md) tells more.
"""


def reference(kinds: Kinds) -> str:
    """Return the page in Markdown."""
    plan = "\n".join(_mapping(plan_shape(kinds), ""))
    parts = (f"{_HEAD}{plan}\n{_CHECKS}", *_sections(kinds.checks))
    triggers = (_TRIGGERS, *_sections(kinds.triggers))
    return "".join((*parts, *triggers, _GATES, *_sections(kinds.gates)))


def _sections(kinds: Mapping[str, type]) -> Iterator[str]:
    return (_section(name, shape_of(kind)) for name, kind in kinds.items())


def _section(name: str, shape: Shape) -> str:
    lines = [f"\n### {name}\n", shape.help, "\n```yaml", f"- {name}:"]
    lines += _mapping(shape, "    ")
    if shape.short:
        short = next(item for item in shape.fields if item.name == shape.short)
        example = "127.0.0.1:8080" if name == "tcp" else _sample(short)
        lines.append(f"- {name}: {example}")
    return "\n".join([*lines, "```\n"])


def _mapping(shape: Shape, indent: str) -> Iterator[str]:
    for item in shape.fields:
        yield f"{indent}# {item.help}{_default(item)}"
        mark = "# " if item.instead else ""
        nested = list(_nested(item.kind, indent + "  "))
        if nested and not item.example:
            yield f"{indent}{item.name}:"
            yield from nested
        else:
            sample = _sample(item).replace("\n", "\n" + indent)
            yield f"{indent}{mark}{item.name}:{'' if sample.startswith(chr(10)) else ' '}{sample}"


def _nested(kind: Kind, indent: str) -> Iterator[str]:
    if isinstance(kind, Shape):
        yield from _mapping(kind, indent)
    elif isinstance(kind, Named):
        yield f"{indent}{kind.key.sample}:"
        yield from _mapping(kind.shape, indent + "  ")
    elif isinstance(kind, ListOf) and isinstance(kind.item, Shape):
        first, *rest = _mapping(kind.item, indent + "  ")
        yield f"{indent}- {first.strip()}"
        yield from rest


def _sample(item: Field) -> str:
    if item.example:
        return item.example
    if item.spelled is not None:
        return _yaml(item.spelled)
    return item.kind.sample if isinstance(item.kind, ScalarKind) else "[]"


def _default(item: Field) -> str:
    if item.required:
        return " Required."
    return f" Default: {_yaml(item.spelled)}." if item.spelled is not None else ""


def _yaml(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)
