"""Jinja2 templates: sandboxed, and strict about what is undefined.

Comments are written ``{## … ##}``, since ``{#`` has a meaning in shell text (``${#name}``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from orchestrator.errors import InputError
from orchestrator.registry import near_miss

_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    comment_start_string="{##",
    comment_end_string="##}",
)
_MARKS = ("{{", "{%", "{##")


def is_template(text: str) -> bool:
    """Return whether rendering could change ``text``."""
    return any(mark in text for mark in _MARKS)


def check(text: str) -> str | None:
    """Return what is wrong with the syntax of ``text``, or ``None``."""
    if not is_template(text):
        return None
    try:
        _compile(text)
    except TemplateError as error:
        return _syntax(error)
    return None


@lru_cache(maxsize=1024)
def names(text: str) -> frozenset[str]:
    """Return the top-level variables that ``text`` uses; its syntax must be right."""
    if not is_template(text):
        return frozenset()
    return frozenset(meta.find_undeclared_variables(_environment.parse(text)))


def render(text: str, variables: Mapping[str, object]) -> str:
    """Return ``text`` with its templates filled in.

    Only the variables that the text names are asked for. Raises InputError, with a problem
    without position, when the syntax is wrong, a variable is not defined, or the template fails.
    """
    if not is_template(text):
        return text
    try:
        return _compile(text)({name: variables[name] for name in names(text) if name in variables})
    except TemplateSyntaxError as error:
        raise InputError.at("", _syntax(error)) from None
    except UndefinedError as error:
        raise InputError.at("", *_undefined(str(error), variables)) from None
    except Exception as error:
        # A template is a small program: it can divide by zero or compare text with numbers.
        what = f"the template cannot be rendered: {error or type(error).__name__}"
        raise InputError.at("", what) from None


@lru_cache(maxsize=1024)
def _compile(text: str) -> Callable[[Mapping[str, object]], str]:
    return _environment.from_string(text).render


def _syntax(error: TemplateError) -> str:
    line = getattr(error, "lineno", 1)
    message = (error.message or "").rstrip(".")
    where = f" on line {line} of the text" if line > 1 else ""
    return f"the template is not valid: {message}{where}"


def _undefined(message: str, variables: Mapping[str, object]) -> tuple[str, str]:
    found = re.fullmatch(r"'(\w+)' is undefined", message)
    if not found:
        return f"the template cannot be rendered: {message}", ""
    mend = near_miss(found[1], variables) or f"define it, or use {found[1]} | default(…)"
    return f"variable '{found[1]}' is not defined", mend
