"""Where a source is: what the user gave, and the file behind it, read once."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path

from orchestrator.errors import InventoryError, Position, Problem
from orchestrator.inventory.draft import Draft

_VAULT = b"$ANSIBLE_VAULT;"
_YAML_LINE = re.compile(r"---|%YAML|\{|[^\[=]*:(\s|$)")


class Location:
    """A source as the user gave it: a path, or a list of hosts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.path = Path(os.path.expandvars(text)).expanduser()

    def __str__(self) -> str:
        return self._text

    @cached_property
    def exists(self) -> bool:
        """Return whether there is such a file or folder."""
        return self.path.exists()

    @cached_property
    def is_file(self) -> bool:
        """Return whether it is a file."""
        return self.path.is_file()

    @cached_property
    def is_folder(self) -> bool:
        """Return whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def is_script(self) -> bool:
        """Return whether it is a program, which prints an inventory."""
        return self.is_file and os.access(self.path, os.X_OK) and self.content.startswith(b"#!")

    @cached_property
    def content(self) -> bytes:
        """Return the bytes of the file; raises InventoryError."""
        return read(self.path, self._text)

    @cached_property
    def looks_like_yaml(self) -> bool:
        """Return whether the first line that is no comment could begin a YAML mapping."""
        for line in self.content.decode("utf-8", "replace").splitlines():
            if line.strip() and line.lstrip()[0] not in "#;":
                return bool(_YAML_LINE.match(line))
        return False

    def lines(self, draft: Draft) -> list[str]:
        """Return the lines of text; those that are not UTF-8 are problems, but in comments."""
        try:
            return self.content.decode().splitlines()
        except UnicodeDecodeError:
            return [self._line(*item, draft) for item in enumerate(self.content.splitlines(), 1)]

    def _line(self, number: int, line: bytes, draft: Draft) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            if line[:1] not in (b"#", b";"):
                position = Position(self._text, number, error.start + 1)
                draft.problem(position, "", "the line is not UTF-8", "save the file as UTF-8")
            return ""


def read(path: Path, name: str) -> bytes:
    """Return the bytes of a file; raises InventoryError if it cannot be read or is encrypted."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InventoryError(Problem(Position(name), "", f"cannot be read: {reason}")) from None
    if content.startswith(_VAULT):
        what = "encrypted with ansible-vault, which is not supported"
        mend = f"decrypt it: ansible-vault decrypt {name}"
        raise InventoryError(Problem(Position(name), "", what, mend))
    return content
