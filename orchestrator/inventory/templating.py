"""Jinja2 in the values of variables, with the settings that Ansible gives it.

- undefined variables are errors; the sandbox lets a template change nothing;
- a text that is one expression alone (``"{{ ports }}"``) keeps the type of its value, all other
  templates are text, in which ``None`` is empty;
- the filters and tests are Jinja2's own; Ansible's filters and lookups are not there.

Other than in plans, ``{#`` begins a comment, and lookups of names are lazy: only the variables
that a template uses are rendered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
    finalize=lambda value: "" if value is None else value,
)
_MARKS = re.compile(r"\{[{%#]")
_RESULT = "fleet_result"


class Unsafe(str):
    """Text tagged ``!unsafe``: never a template."""

    __slots__ = ()


class TemplateFault(Exception):
    """A template is invalid, or failed; the message says how.

    ``missing`` is the variable that is not defined, where that is the fault and it is known;
    ``variable`` is the one whose value is the template, once someone who knows has said so.
    """

    def __init__(self, message: str, missing: str = "") -> None:
        super().__init__(message)
        self.missing = missing
        self.variable = ""


class UndefinedFault(TemplateFault):
    """A template uses something that is not defined; ``default(…)`` would mend it."""


def is_template(value: object) -> bool:
    """Return whether rendering could change ``value``, which may be nested."""
    if isinstance(value, str):
        return not isinstance(value, Unsafe) and bool(_MARKS.search(value))
    if isinstance(value, dict):
        return any(is_template(item) for item in value.values())
    if isinstance(value, list):
        return any(is_template(item) for item in value)
    return False


def render(value: object, lookup: Callable[[str], object]) -> object:
    """Return ``value`` with all templates in it filled in.

    ``lookup`` returns the value of a variable; it raises KeyError for one that does not exist
    and UndefinedFault for one that depends on such. Raises TemplateFault.
    """
    if isinstance(value, dict):
        return {key: render(item, lookup) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, lookup) for item in value]
    if not is_template(value):
        return value
    return _render(cast(str, value), lookup)


def _render(text: str, lookup: Callable[[str], object]) -> object:
    try:
        template, alone = _compile(text)
        context = template.new_context(cast(Any, _Scope(lookup)), shared=True)
        rendered = "".join(template.root_render_func(context))
        return _defined(context.get_exported()[_RESULT]) if alone else rendered
    except TemplateFault:
        raise
    except Exception as error:
        # A template is a small program: it can divide by zero or recurse without end.
        raise _fault(error) from None


def _fault(error: Exception) -> TemplateFault:
    said = str(error).rstrip(".") or type(error).__name__
    if isinstance(error, UndefinedError):
        found = re.fullmatch(r"'(\w+)' is undefined", said)
        if found:
            return UndefinedFault(f"variable '{found[1]}' is not defined", found[1])
        return UndefinedFault(said)
    if isinstance(error, TemplateSyntaxError):
        return TemplateFault(f"the template is not valid: {(error.message or said).rstrip('.')}")
    return TemplateFault(f"the template cannot be rendered: {said}")


@lru_cache(maxsize=4096)
def _compile(text: str) -> tuple[Any, bool]:
    """Return the template, and whether it stores its value instead of printing it."""
    body = _environment.parse(text).body
    alone = (
        len(body) == 1
        and isinstance(body[0], nodes.Output)
        and len(body[0].nodes) == 1
        and not isinstance(body[0].nodes[0], nodes.TemplateData)
    )
    if not alone:
        return _environment.from_string(text), False
    stored = nodes.Assign(nodes.Name(_RESULT, "store"), cast(nodes.Output, body[0]).nodes[0])
    template = nodes.Template([stored], lineno=1)
    return _environment.from_string(template), True


def _defined(value: object) -> object:
    """Return ``value``; raises UndefinedError where a part of it is not defined."""
    if isinstance(value, Undefined):
        str(value)
    for part in value.values() if isinstance(value, dict) else ():
        _defined(part)
    for part in value if isinstance(value, list | tuple) else ():
        _defined(part)
    return value


class _Scope(Mapping[str, object]):
    """What a template may name: variables, found when asked for, then Jinja2's functions."""

    def __init__(self, lookup: Callable[[str], object]) -> None:
        self._lookup = lookup

    def __getitem__(self, name: str) -> object:
        try:
            return self._lookup(name)
        except UndefinedFault as fault:
            return StrictUndefined(hint=str(fault), name=name)
        except KeyError:
            return _environment.globals[name]

    def __contains__(self, name: object) -> bool:
        try:
            self[cast(str, name)]
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
