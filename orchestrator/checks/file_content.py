"""Check: a file says what it should."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from orchestrator.checks.base import LINE, SAY, Check, assign
from orchestrator.schema import Text, Wrong, option

_FILE = """
case $path in /*) ;; *) path=./$path ;; esac
[ -e "$path" ] || say 1 "there is no $path"
[ -f "$path" ] || say 1 "$path is not a file"
[ -r "$path" ] || say 2 "$path cannot be read"
"""
_CONTAINS = """
grep -qF -- "$wanted" "$path" || say 1 "$path does not contain '$wanted'"
say 0 "$path contains '$wanted'"
"""
_HASH = """
found=$(sha256sum <"$path") || say 2 "$path cannot be hashed"
case " $wanted " in *" ${found%% *} "*) say 0 "$path is as expected" ;; esac
say 1 "$path is not as expected: its sha256 is ${found%% *}"
"""


@dataclass(frozen=True)
class FileContent(Check):
    """A file contains a line's part, equals a text, or has a hash."""

    path: str = option(
        LINE, "The file: absolute, or relative to the release.", example="/etc/gateway/version"
    )
    contains: str = option(LINE, "Text within a line of the file.", default="", example='"2.4"')
    equals: str = option(
        Text("text", r"[\s\S]*"),
        "The whole text; a newline at its end does not matter.",
        default="",
        example='"2.4.1"',
        instead=True,
    )
    sha256: str = option(
        Text("64 lower-case hex digits", r"[0-9a-f]{64}", "write what sha256sum says"),
        "Hash of the whole file.",
        default="",
        example="0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        instead=True,
    )

    timeout = 30.0

    def __post_init__(self) -> None:
        if sum(map(bool, (self.contains, self.equals, self.sha256))) != 1:
            raise Wrong("does not say what to look for", "give one of contains, equals, sha256")

    def script(self) -> str:
        """Return the sh text."""
        if self.contains:
            return SAY + assign(path=self.path, wanted=self.contains) + _FILE + _CONTAINS
        text = self.equals.removesuffix("\n").encode()
        hashes = [sha256(text).hexdigest(), sha256(text + b"\n").hexdigest()]
        wanted = self.sha256 or " ".join(hashes)
        return SAY + assign(path=self.path, wanted=wanted) + _FILE + _HASH
