"""What the names in a plan may look like."""

from orchestrator.schema import Text

_RULE = "use letters, digits, '-', '_' and single '.', at most 64 of them"

NAME = Text(
    "a name", r"(?=.{1,64}$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*", _RULE, sample="name"
)
"""A plan, cohort or step."""

PACKAGE = Text("a package's name", NAME.pattern, _RULE, sample="gateway")
"""A package: the name of its folder on every host (the same rule as a bundle's manifest has)."""

VARIABLE = Text(
    "a variable's name", r"[A-Za-z_][A-Za-z0-9_]*", "use letters, digits and '_'", sample="port"
)
"""A variable of templates or of a hook's environment."""
PATH = Text("a path", r"[^\n]+", "write one line")
PATTERN = Text("a host pattern", sample="all")
