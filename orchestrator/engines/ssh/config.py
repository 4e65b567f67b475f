"""OpenSSH's client configuration (ssh_config(5)), read once and looked up for each host.

asyncssh reads the files anew for every connection and its cost grows with their length; a
generated file with an entry per host would make that quadratic. Here an entry that names its
hosts literally is found by name.
"""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from orchestrator.errors import InputError, Position, Problem

MAX_DEPTH = 16
"""How deep Include may nest, as in OpenSSH."""

LISTED = frozenset({"identityfile", "certificatefile"})
"""Options that add up; of all others the first value wins."""

FILES = frozenset({"userknownhostsfile", "globalknownhostsfile"})
"""Options whose value is a list of files, quoted where a name needs it."""

_WILD = frozenset("*?!")

Settings = Mapping[str, tuple[str, ...]]
"""Lower-case option name to its values."""


@dataclass(frozen=True, slots=True)
class _Block:
    """The options below one Host or Match line; all ``criteria`` must hold."""

    criteria: tuple[tuple[str, bool, str], ...]
    options: list[tuple[str, str]] = field(default_factory=list)

    def holds(self, facts: Mapping[str, str]) -> bool:
        return all(
            _matches(pattern, facts[name]) is not negated
            for name, negated, pattern in self.criteria
        )


def _matches(patterns: str, word: str) -> bool:
    """Match a comma-separated pattern list: a ``!`` pattern that matches settles it."""
    found = False
    for pattern in patterns.split(","):
        plain = pattern.removeprefix("!")
        # [ is not special in ssh_config patterns
        if fnmatchcase(word, plain.replace("[", "[[]")):
            if plain != pattern:
                return False
            found = True
    return found


class SshConfig:
    """The configuration of a user; raises InputError on what cannot be understood."""

    def __init__(self, file: Path | None = None) -> None:
        self._blocks: list[_Block] = []
        self._literal: dict[str, list[int]] = {}
        self._general: list[int] = []
        if file is not None and file.expanduser().is_file():
            self._read(file.expanduser(), (), 0)
        self._general = [number for number in self._general if self._blocks[number].options]
        self._local = getpass.getuser()

    def lookup(self, alias: str, *, user: str | None = None) -> Settings:
        """Return the settings for a host as it is named in the inventory's address."""
        found: dict[str, tuple[str, ...]] = {} if user is None else {"user": (user,)}
        numbers = sorted({*self._literal.get(alias, ()), *self._general})
        for number in numbers:
            block = self._blocks[number]
            facts = {
                "originalhost": alias,
                "host": found.get("hostname", (alias,))[0],
                "localuser": self._local,
                "user": found.get("user", (self._local,))[0],
            }
            if block.holds(facts):
                _merge(found, block.options)
        return found

    def _open(self, criteria: Iterable[tuple[str, bool, str]]) -> _Block:
        block = _Block(tuple(criteria))
        number = len(self._blocks)
        self._blocks.append(block)
        names = [c[2].split(",") for c in block.criteria if c[0] == "originalhost" and not c[1]]
        if names and not any(_WILD.intersection(name) for name in names[0]):
            for name in names[0]:
                self._literal.setdefault(name, []).append(number)
        else:
            self._general.append(number)
        return block

    def _read(self, file: Path, outer: tuple[tuple[str, bool, str], ...], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise InputError.at(str(file), "Include nests too deep")
        block = self._open(outer)
        for line, words in _lines(file):
            option, values = words[0].lower(), words[1:]
            if not values:
                raise _wrong(file, line, f"{words[0]} has no value")
            if option == "include":
                for included in _included(values):
                    self._read(included, block.criteria, depth + 1)
                block = self._open(block.criteria)
            elif option == "host":
                block = self._open((*outer, ("originalhost", False, ",".join(values))))
            elif option == "match":
                block = self._open((*outer, *_criteria(file, line, values)))
            else:
                block.options.append(
                    (option, (shlex.join if option in FILES else " ".join)(values))
                )


def _merge(found: dict[str, tuple[str, ...]], options: Iterable[tuple[str, str]]) -> None:
    for option, value in options:
        if option in LISTED:
            found[option] = (*found.get(option, ()), value)
        else:
            found.setdefault(option, (value,))


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each line's number and words; ``Name=value`` and ``Name = value`` are the same."""
    try:
        text = file.read_text(errors="surrogateescape")
    except OSError as error:
        raise InputError.at(str(file), f"cannot be read: {error.strerror}") from error
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, *rest = stripped.replace("=", " = ", 1).split(None, 1)
        value = rest[0].removeprefix("= ").replace(" = ", "=", 1) if rest else ""
        try:
            yield number, [name, *shlex.split(value, comments=False)]
        except ValueError as error:
            raise _wrong(file, number, str(error).lower()) from error


def _included(values: Iterable[str]) -> Iterator[Path]:
    for value in values:
        path = Path(value).expanduser()
        base = Path("/") if path.is_absolute() else Path("~/.ssh").expanduser()
        pattern = path.relative_to("/") if path.is_absolute() else path
        yield from sorted(found for found in base.glob(str(pattern)) if found.is_file())


_CRITERIA = frozenset({"host", "originalhost", "user", "localuser"})


def _criteria(file: Path, line: int, values: list[str]) -> Iterator[tuple[str, bool, str]]:
    words = iter(values)
    for word in words:
        name = word.lower().removeprefix("!")
        if name == "all":
            continue
        pattern = next(words, None)
        if name not in _CRITERIA or pattern is None:
            what = f"Match {word} is not supported"
            mend = f"use {', '.join(sorted(_CRITERIA))} or all, or give fleet another file"
            raise InputError(Problem(Position(str(file), line, 1), "", what, mend))
        yield name, word.startswith("!"), pattern


def _wrong(file: Path, line: int, what: str) -> InputError:
    return InputError(Problem(Position(str(file), line, 1), "", what))
