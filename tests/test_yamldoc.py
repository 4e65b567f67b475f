"""YAML: what it is read as, what is refused, and where the problem is said to be."""

from __future__ import annotations

import contextlib
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import yamldoc
from orchestrator.errors import InputError
from orchestrator.yamldoc import MappingNode, ScalarNode, SequenceNode, composer


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request, monkeypatch):
    """Run a test with libyaml and without."""
    monkeypatch.setattr(composer, "_LOADER", getattr(yaml, request.param))


def read(text: str) -> object:
    return yamldoc.plain(yamldoc.parse(text, "plan.yml"))


def refused(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        yamldoc.parse(text, "plan.yml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0644", "0644"),
        ("010", "010"),
        ("0o17", 15),
        ("0x1f", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("22:22:22", "22:22:22"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        (".inf", float("inf")),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T04:05:06Z", "2026-01-31T04:05:06Z"),
        ("~", None),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int 12", 12),
        ("!!float 12", 12),
        ("=", "="),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_follow_the_core_schema(loader, spelled, value):
    result = read(f"key: {spelled}\n")
    assert result == {"key": value}
    assert type(result["key"]) is type(value)


def test_nodes_know_their_places_and_spelling(loader):
    node = yamldoc.parse("one: 2.10\ntwo:\n  - 'x'\n  - {three: 0x10}\n", "plan.yml")
    assert isinstance(node, MappingNode)
    one, two = node.value["one"], node.value["two"]
    assert isinstance(one, ScalarNode)
    assert (one.value, one.text, one.quoted) == (2.1, "2.10", False)
    assert str(one.position) == "plan.yml:1:6"
    assert str(node.keys["two"]) == "plan.yml:2:1"
    assert isinstance(two, SequenceNode)
    first, second = two.value
    assert isinstance(first, ScalarNode)
    assert first.quoted
    assert str(first.position) == "plan.yml:3:5"
    assert isinstance(second, MappingNode)
    assert str(second.keys["three"]) == "plan.yml:4:6"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff"])
def test_an_empty_document_is_null(loader, text):
    assert read(text) is None


def test_merge_keys_give_way_to_what_is_written(loader):
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  y: 9\n  <<: [*a, *b]\n"
    assert read(text)["c"] == {"y": 9, "x": 1, "z": 4}  # type: ignore[index]


def test_a_quoted_merge_key_is_a_key(loader):
    assert read('"<<": 1\n') == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\n\tb: 2\n", "plan.yml:2:1: a tab is used for indentation; indent with spaces"),
        ("a: @x\n", "plan.yml:1:4: a plain value cannot start with '@'; quote the value"),
        (
            "a: b: c\n",
            (
                "plan.yml:1:5: a ':' stands where no key can be; "
                "quote the value if it contains ': ', or check the indentation"
            ),
        ),
        (
            "a: {{ x }}\n",
            "plan.yml:1:5: a template that is not quoted; put the whole value in quotes",
        ),
        (
            "foo: bar\n- x\n",
            "plan.yml:2:1: this line does not fit the lines above; check its indentation",
        ),
        (
            "a: [1, 2\nb: 3\n",
            (
                "plan.yml:2:2: a list or mapping in brackets is not closed; "
                "close it with ']' or '}', and part its items with ','"
            ),
        ),
        (
            "a: 'x\nb: 1\n",
            "plan.yml:3:1: a quoted text is not closed; end it with the quote that began it",
        ),
        ("8: x\n", "plan.yml:1:1: key '8' is not text; quote it: \"8\""),
        ("a: *b\n", "plan.yml:1:4: alias '*b' is not defined above; write the value out"),
        ("a: &a [*a]\n", "plan.yml:1:8: alias '*a' contains itself; write the value out"),
        (
            "a: !vault x\n",
            "plan.yml:1:4: tag '!vault' is not supported; write the plain value",
        ),
        ("a: !!int x\n", "plan.yml:1:4: 'x' does not fit its tag; remove the tag"),
        ("<<: 1\n", "plan.yml:1:5: '<<' merges mappings only; write \"<<: *name\" or"),
        (
            "--- a\n--- b\n",
            "plan.yml:2:1: a second document starts here; keep one document in a file",
        ),
        ("a: \x07\n", "plan.yml:1:4: character U+0007 is not allowed in YAML; remove it"),
        ("a: \ud800\n", "plan.yml:1:4: character U+D800 is not allowed in YAML; remove it"),
    ],
)
def test_problems_say_where_what_and_the_mend(loader, text, problem):
    (said,) = refused(text)
    assert said.startswith(problem)


def test_all_problems_are_told_even_before_a_syntax_error(loader):
    said = refused("a: 1\nb: {c: 1, c: 2}\na: 2\n5: x\nd: [\n")
    assert said[:3] == [
        "plan.yml:2:11: key 'c' is here for the second time, first at line 2; keep one of them",
        "plan.yml:3:1: key 'a' is here for the second time, first at line 1; keep one of them",
        "plan.yml:4:1: key '5' is not text; quote it: \"5\"",
    ]
    assert len(said) == 4


def test_deep_nesting_ends_early(loader):
    said = refused("[" * 100_000)
    assert said == ["plan.yml:1:101: nested more than 100 levels deep; write a flatter document"]


def test_nesting_through_aliases_counts(loader):
    half = composer.MAX_DEPTH // 2
    nested = "[" * half + "{}" + "]" * half
    lines = [f"a0: &a0 {nested.format('x')}"]
    lines += [f"a{i}: &a{i} {nested.format(f'*a{i - 1}')}" for i in range(1, 4)]
    assert "nested more than 100 levels deep" in refused("\n".join(lines))[0]


def test_an_alias_bomb_is_refused(loader):
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "aliases stand for more than 100000 values" in refused("\n".join(lines))[0]


@given(st.text(alphabet="ab:- \n\t{}[],&*<>|'\"#!%@01~?\x85", max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(InputError):
        read(text)


# Beyond U+FFFF, JSON's escapes are surrogate pairs, which YAML does not have.
_texts = st.text(st.characters(max_codepoint=0xD7FF), max_size=20)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


@given(_values)
def test_json_is_read_as_json(value):
    assert read(json.dumps(value)) == value
