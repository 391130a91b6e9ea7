"""The page in four languages: every string that the page can say has its translation, with the same places to fill in."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from api.pages import flash, formatting, problem
from api.pages.i18n import (
    LANGUAGES,
    choose_language,
    language,
    plural_form,
)

FOLDER = Path(formatting.__file__).parent
OTHERS = tuple(code for code in LANGUAGES if code != "en")
ONE = re.compile(r"""(?<![\w.])_\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
MANY = re.compile(r"""(?<![\w.])_n\(\s*"([^"]*)",\s*"([^"]*)\"""")
TABLES = (
    formatting.SEVERITIES,
    formatting.STATUSES,
    formatting.KINDS,
    formatting.LABELS,
    formatting.ROLES,
    formatting.DISMISSALS,
    formatting.OUTCOMES,
    formatting.TRIGGERS,
    formatting.ACTIONS,
    flash.DONE,
    problem.TITLES,
    problem.ADVICE,
)


def said() -> set[str]:
    """Every single string that the page can say."""
    found: set[str] = set(formatting.MONTHS)
    for table in TABLES:
        found |= set(table.values())
    for template in (FOLDER / "templates").glob("*.html"):
        for double, single in ONE.findall(template.read_text("utf-8")):
            found.add((double or single).replace('\\"', '"'))
    for module in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and _named(node.func) == "translate"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found


def counted() -> set[str]:
    """Every string with a number that the page can say, by its English plural."""
    return {
        many
        for template in (FOLDER / "templates").glob("*.html")
        for _, many in MANY.findall(template.read_text("utf-8"))
    }


def _named(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", OTHERS)
def test_every_string_of_the_page_is_translated(code: str) -> None:
    catalogue = language(code).catalogue
    assert sorted((said() | counted()) - set(catalogue)) == []


@pytest.mark.parametrize("code", OTHERS)
def test_no_translation_is_left_of_a_string_that_is_gone(code: str) -> None:
    assert sorted(set(language(code).catalogue) - said() - counted()) == []


@pytest.mark.parametrize("code", OTHERS)
def test_translations_fill_in_the_same_places(code: str) -> None:
    for english, translated in language(code).catalogue.items():
        for form in [translated] if isinstance(translated, str) else translated:
            assert _places(form) == _places(english), (english, form)
            assert form.strip(), english


@pytest.mark.parametrize(("code", "forms"), [("tr", 1), ("nl", 2), ("ro", 3)])
def test_counted_strings_have_the_forms_of_their_language(code: str, forms: int) -> None:
    for many in counted():
        found = language(code).catalogue[many]
        assert isinstance(found, list) and len(found) == forms, many


def test_romanian_counts_as_romanians_do() -> None:
    assert [plural_form("ro", n) for n in (1, 0, 2, 19, 20, 100, 101, 119, 120)] == [
        0,
        1,
        1,
        1,
        2,
        2,
        1,
        1,
        2,
    ]
    assert language("ro").plural("{n} alert", "{n} alerts", 21) == "21 de alerte"
    assert language("tr").plural("{n} alert", "{n} alerts", 3) == "3 uyarı"
    assert language("en").plural("{n} alert", "{n} alerts", 1) == "1 alert"


@pytest.mark.parametrize(
    ("person", "accept", "expected"),
    [
        ("nl", "tr", "nl"),
        ("de", "tr-TR,tr;q=0.9", "tr"),
        (None, "de;q=1, ro;q=0.8, nl;q=0.9", "nl"),
        (None, "tr;q=0", "en"),
        (None, "nl;q=much, ro", "ro"),
        (None, None, "en"),
        (None, ",;q=,," * 500, "en"),
    ],
)
def test_the_persons_own_language_comes_first_then_the_browsers(
    person: str | None, accept: str | None, expected: str
) -> None:
    assert choose_language(person, accept) == expected
