"""Host patterns of an inventory: ``web[01:50:2].example.com:2222`` → names and a port.

The grammar is that of Ansible's "Adding ranges of hosts".
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import string

MAX_RANGE = 1_000_000
"""Hosts that one pattern may stand for."""

_BRACKETED_PORT = re.compile(r"\[(.+)\]:([0-9]+)")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")
_RANGE = re.compile(r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]", re.IGNORECASE)
_HEX_RANGE = re.compile(r"\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]", re.IGNORECASE)
_LABEL = r"\w[\w-]*(?<![_-])"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DIGITS = re.compile(r"[0-9]{1,18}")
_BRACKETS = re.compile(r"\[([^\]]*)\]")


def split_port(pattern: str) -> tuple[str, int | None] | None:
    """Return the pattern without its port, and the port; ``None`` if it is no host pattern."""
    port = None
    for form in (_BRACKETED_PORT, _PORT):
        found = form.fullmatch(pattern)
        if found:
            pattern, port = found[1], int(found[2])
    return (pattern, port) if _is_host(pattern) else None


def is_address(name: str) -> bool:
    """Return whether ``name`` is an IP address rather than a host name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def hosts(pattern: str) -> tuple[list[str], int | None]:
    """Return the names that ``pattern`` stands for, and their port.

    Raises ValueError, saying what is wrong with a range or a port.
    """
    name, port = split_port(pattern) or (pattern, None)
    if not pattern:
        raise ValueError("the name of the host is empty")
    if pattern.endswith(":") and port is None:
        raise ValueError("the port is missing after ':'")
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{port} is not a port")
    return expand(name), port


def expand(name: str) -> list[str]:
    """Return the names that the ranges in ``name`` stand for; the first range varies slowest.

    Raises ValueError, saying what is wrong with a range.
    """
    if "[" not in name and "]" not in name:
        return [name]
    parts = _BRACKETS.split(name)
    if any("[" in text or "]" in text for text in parts[::2]):
        raise ValueError("'[' and ']' do not pair up")
    choices = [_span(text) if index % 2 else [text] for index, text in enumerate(parts)]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > MAX_RANGE:
        raise ValueError(f"it stands for {total} hosts, more than {MAX_RANGE}")
    return ["".join(combination) for combination in itertools.product(*choices)]


def _is_host(pattern: str) -> bool:
    if _NAME.fullmatch(_RANGE.sub("0", pattern)):
        return True
    try:
        ipaddress.IPv6Address(_HEX_RANGE.sub("0", pattern))
    except ValueError:
        return False
    return True


def _span(text: str) -> list[str]:
    """Return what ``01:50:2`` or ``a:f`` stands for, both ends included."""
    bounds = text.split(":")
    if len(bounds) not in (2, 3):
        raise ValueError(f"range [{text}] is not [begin:end] or [begin:end:step]")
    begin, end = bounds[0] or "0", bounds[1]
    if not end:
        raise ValueError(f"range [{text}] has no end")
    if begin.startswith("0") and len(begin) > 1 and len(begin) != len(end):
        raise ValueError(f"the ends of range [{text}] are not equally long")
    step = _step(bounds[2] if len(bounds) == 3 else "1", text)
    if len(begin) == len(end) == 1 and (begin + end).isascii() and (begin + end).isalpha():
        found = _letters(begin, end, step)
    elif _DIGITS.fullmatch(begin) and _DIGITS.fullmatch(end):
        found = _numbers(begin, end, step)
    else:
        raise ValueError(f"range [{text}] is neither of numbers nor of single letters")
    if not found:
        raise ValueError(f"range [{text}] ends before it begins")
    return found


def _step(text: str, span: str) -> int:
    if not _DIGITS.fullmatch(text) or int(text) < 1:
        raise ValueError(f"the step of range [{span}] is not a number above 0")
    return int(text)


def _letters(begin: str, end: str, step: int) -> list[str]:
    letters = string.ascii_letters
    return list(letters[letters.index(begin) : letters.index(end) + 1 : step])


def _numbers(begin: str, end: str, step: int) -> list[str]:
    span = range(int(begin), int(end) + 1, step)
    if len(span) > MAX_RANGE:
        raise ValueError(f"it stands for {len(span)} hosts, more than {MAX_RANGE}")
    width = len(begin) if begin.startswith("0") else 0
    return [str(number).zfill(width) for number in span]
