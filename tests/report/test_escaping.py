"""No host writes to the terminal, or into the report, anything but words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.escaping import WIDTH, fenced, markdown, output_line, printable, tail

HOSTILE = {
    "clear screen": ("\x1b[2J\x1b[Hgone", r"\x1b[2J\x1b[Hgone"),
    "window title": ("\x1b]0;owned\x07x", r"\x1b]0;owned\x07x"),
    "colour": ("\x1b[1;31mred\x1b[0m", "red"),
    "8-bit csi": ("a\x9b2Jb", r"a\x9b2Jb"),
    "right to left": ("safe\u202egnp.exe", r"safe\u202egnp.exe"),
    "zero width": ("ad\u200bmin", r"ad\u200bmin"),
    "lone surrogate": ("bad\udcff", r"bad\udcff"),
    "line breaks": ("one\r\ntwo\u2028three", "one two three"),
    "backspace": ("ok\b\bno", r"ok\x08\x08no"),
    "umlauts stay": ("Größe ✓ 漢字", "Größe ✓ 漢字"),
}


@pytest.mark.parametrize(("text", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_printable_by_example(text, expected):
    assert printable(text) == expected


def is_harmless(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} and unicodedata.bidirectional(
        char
    ) not in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}


@given(st.text(st.characters(codec=None), max_size=200))
def test_nothing_that_a_terminal_acts_on_is_left(text):
    for shown in (printable(text), output_line(text), *tail(text, 5), markdown(text)):
        assert all(map(is_harmless, shown))


@given(st.text(max_size=50))
def test_what_is_printable_stays_as_it_is(text):
    once = printable(text)
    assert printable(once) == once


def test_a_flood_in_one_line_is_cut():
    shown = printable("x" * 1_000_000)
    assert len(shown) == WIDTH
    assert shown.endswith("…")


def test_tail_takes_the_last_lines_that_say_something():
    assert tail("a\n\n b\t1 \r\n\x1b[32m c\x1b[0m\n\n", 2) == (" b  1", " c")
    assert tail("10%\r20%\r30%", 1) == ("30%",)
    assert tail("", 3) == ()


def test_markdown_means_just_itself():
    hostile = "<script>&[x](http://e) `a` | **b** _c_ ~~d~~ $e$ \\"
    assert markdown(hostile) == (
        r"&lt;script&gt;&amp;\[x\](http://e) \`a\` \| \*\*b\*\* \_c\_ \~\~d\~\~ \$e\$ \\"
    )


def test_no_line_of_output_closes_its_block():
    block = fenced(("```", "````</pre>", "# not a heading"))
    assert block[0] == "`````text"
    assert block[-1] == "`````"
