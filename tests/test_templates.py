"""Templates: strict, sandboxed, and harmless to shell text."""

from __future__ import annotations

import pytest

from orchestrator import templates
from orchestrator.errors import InputError


def test_rendering_fills_in_variables():
    assert templates.render("v{{ version }}\n", {"version": "1.2"}) == "v1.2\n"


@pytest.mark.parametrize("text", ["plain", "${#name} $((1 + 2))", "} }} %}", "{# no comment #}"])
def test_text_without_templates_is_left_alone(text):
    assert not templates.is_template(text)
    assert templates.render(text, {}) == text
    assert templates.check(text) is None
    assert templates.names(text) == frozenset()


def test_shell_lengths_live_beside_templates():
    assert templates.render("${#name} {{ x }}{## gone ##}", {"x": 1}) == "${#name} 1"


def test_names_are_the_top_level_variables():
    text = "{{ a.b }} {% for i in c %}{{ i }}{{ d | default(e) }}{% endfor %}"
    assert templates.names(text) == {"a", "c", "d", "e"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ versoin }}", "variable 'versoin' is not defined; did you mean 'version'?"),
        (
            "{{ qqq }}",
            "variable 'qqq' is not defined; define it, or use qqq | default(…)",
        ),
        (
            "{{ release.vers }}",
            "the template cannot be rendered: 'dict object' has no attribute 'vers'",
        ),
        ("{{ 1 / 0 }}", "the template cannot be rendered: division by zero"),
        (
            "{{ (1).__class__ }}",
            (
                "the template cannot be rendered: "
                "access to attribute '__class__' of 'int' object is unsafe"
            ),
        ),
        ("{{ (", "the template is not valid: unexpected 'end of template'"),
    ],
)
def test_failures_are_told_in_words(text, message):
    with pytest.raises(InputError) as caught:
        templates.render(text, {"version": "1", "release": {}})
    assert str(caught.value).rstrip(".") == message


def test_values_of_variables_are_not_changed():
    variables = {"items": [1]}
    with pytest.raises(InputError, match="unsafe"):
        templates.render("{{ items.append(2) }}", variables)
    assert variables == {"items": [1]}


def test_syntax_is_checked_without_variables():
    assert templates.check("{{ anything.at.all }}") is None
    assert templates.check("{% if %}") == (
        "the template is not valid: Expected an expression, got 'end of statement block'"
    )
    assert str(templates.check("one\n{{ a b }}")).endswith("on line 2 of the text")
