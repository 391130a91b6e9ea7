"""One word per idea: each word of the glossary lives where the glossary says, and no page uses a word that it forbids."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs.pages import ROOT, files, pages, prose, text

PAGE = "docs/glossary.md"
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `([\w/]+\.py)` `(\w+)` \|$", text(PAGE), re.MULTILINE)
NOT_THESE = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text(PAGE).split("## Not these")[1], re.MULTILINE)[2:]


def defined_in(path: str) -> set[str]:
    """The names that a module defines: classes, functions, methods, constants, fields."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize(("word", "path", "name"), [(row[0], row[2], row[3]) for row in ROWS])
def test_a_word_of_the_glossary_lives_in_the_code_where_it_says(word: str, path: str, name: str) -> None:
    assert (ROOT / path).is_file(), word
    assert name in defined_in(path)


def test_every_row_of_the_glossary_is_read_and_no_word_comes_twice() -> None:
    rows = [line for line in text(PAGE).splitlines() if ".py`" in line]
    assert len(rows) == len(ROWS) > 60
    words = [word for row in ROWS for word in row[0].split(", ")]
    assert sorted(words) == sorted(set(words))


def test_words_that_the_glossary_replaces_are_said_nowhere() -> None:
    shown = [page for page in pages() if page != PAGE and not page.startswith("docs/decisions")]
    shown += [name for name in files() if name.startswith("api/pages/templates/") or name.endswith(".txt.j2")]
    words = [word for row in NOT_THESE for word in row[0].split(", ")]
    assert len(words) > 10
    said = {
        (name, word)
        for name in shown
        for word in words
        if re.search(rf"\b{word}(s|d)?\b", prose(name) if name.endswith(".md") else text(name), re.IGNORECASE)
    }
    assert said == set()
