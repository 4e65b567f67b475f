"""Syntax errors in the words of people who write plans rather than parsers."""

from __future__ import annotations

import re

# What PyYAML says (a pattern), what we say instead ("": the same), and how to mend it.
_FRIENDLY = (
    (r"^tab$|tab character that violates", "a tab is used for indentation", "indent with spaces"),
    (r"^a plain value cannot start", "", "quote the value"),
    (
        r"mapping values are not allowed",
        "a ':' stands where no key can be",
        "quote the value if it contains ': ', or check the indentation",
    ),
    (
        r"(expected|did not find expected) (<block end>|key|'-' indicator)",
        "this line does not fit the lines above",
        "check its indentation",
    ),
    (r"could not find expected ':'", "a key without ':'", "end the key with ': '"),
    (
        r"expected ',' or '[]}]'",
        "a list or mapping in brackets is not closed",
        "close it with ']' or '}', and part its items with ','",
    ),
    (r"expected (the )?node content", "a value is missing or out of place", "quote the value"),
    (
        r"unexpected end of stream|while scanning a quoted scalar",
        "a quoted text is not closed",
        "end it with the quote that began it",
    ),
)


def explain(said: str, here: str) -> tuple[str, str]:
    """Return what is wrong and the mend, from PyYAML's words and the character they point at."""
    if "cannot start any token" in said:
        said = "tab" if here == "\t" else f"a plain value cannot start with '{here}'"
    for pattern, what, mend in _FRIENDLY:
        if re.search(pattern, said):
            return what or said, mend
    return said, ""
