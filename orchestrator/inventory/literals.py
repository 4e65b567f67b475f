"""Values in INI inventories: Python literals where they are ones, text otherwise.

The rule is that of Ansible's ``ini`` source: ``5`` is a number, ``[1, 2]`` a list and ``True`` a
boolean, while ``yes``, ``1.2.3`` and ``/opt`` are text.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache

# Nearly all values are words, paths and addresses, which the parser need not look at.
_PLAIN = re.compile(
    r"(?!(?:True|False|None)$)[A-Za-z_/~@][\w./@~:+-]*|[0-9]+(?:\.[0-9]+){2,}", re.ASCII
)


def literal(text: str) -> object:
    """Return the value of ``text``; raises ValueError for a literal that no variable can hold."""
    return text if _PLAIN.fullmatch(text) else _evaluate(text)


@lru_cache(maxsize=4096)
def _evaluate(text: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    except (TypeError, MemoryError, RecursionError) as error:
        raise ValueError(str(error) or "it is nested too deeply") from None
    return _variable(value)


def _variable(value: object) -> object:
    """Reduce Python's types to those of variables, as Ansible does."""
    if isinstance(value, list | tuple):
        return [_variable(item) for item in value]
    if isinstance(value, set):
        return [_variable(item) for item in sorted(value, key=repr)]
    if isinstance(value, dict):
        return {key: _variable(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, complex):
        return str(value)
    return "..." if value is ... else value
